// The pickle reader by itself: what Python would make of a pickle, and what nobody may make of one.
#include "weights/reading/containers/pickle.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "weights/reading/containers/pickle_opcodes.h"
#include "weights/reading/containers/torch_pickle.h"

namespace {

using namespace beit;
using Kind = PickleKind;

std::vector<uint8_t> bytesOf(std::string_view text) { return {text.begin(), text.end()}; }

// A string that may have zeros in it.
template <size_t kSize>
constexpr std::string_view literal(const char (&text)[kSize]) {
  return {text, kSize - 1};
}

Pickle parsed(std::string_view text) {
  auto pickle = Pickle::parse(bytesOf(text), "test.pkl", isTorchGlobal);
  if (!pickle.ok()) FAIL(pickle.error().message);
  return std::move(pickle).value();
}

Error errorOf(std::string_view text) {
  auto pickle = Pickle::parse(bytesOf(text), "test.pkl", isTorchGlobal);
  if (pickle.ok()) FAIL("accepted: " << text);
  return pickle.error();
}

// The text of a protocol 0 pickle of {"t": tensor} in a storage of 12 floats.
std::string tensorPickle(int offset, std::string_view sizes, std::string_view strides) {
  return "(dS't'\nctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI12\ntQI" + std::to_string(offset) +
         "\n(" + std::string(sizes) + "t(" + std::string(strides) + "tI00\nccollections\nOrderedDict\n(tRtRs.";
}

Result<std::vector<TorchTensor>> tensorsOf(const Pickle& pickle) { return readTorchTensors(pickle, "test.pkl"); }

}  // namespace

TEST_CASE("values of every protocol are what Python wrote", "[pickle]") {
  // {'a': [1, -2, 3.5, None, True, 'x\u00e9\n', (1, 2)], 'big': 2**70}, written by CPython 3.11 in
  // protocols 0, 1, 2, 4 and 5.
  const std::string_view written[] = {
      literal("(dp0\nVa\np1\n(lp2\nI1\naI-2\naF3.5\naNaI01\naVx\xe9\\u000a\np3\na(I1\nI2\ntp4\nasVbig\np5\nL118"
              "0591620717411303424L\ns."),
      literal("}q\x00(X\x01\x00\x00\x00"
              "aq\x01]q\x02(K\x01J\xfe\xff\xff\xffG@\x0c\x00\x00\x00\x00\x00\x00NI01\n"
              "X\x04\x00\x00\x00x\xc3\xa9\nq\x03(K\x01K\x02tq\x04"
              "eX\x03\x00\x00\x00"
              "bigq\x05L118059162071741"
              "1303424L\nu."),
      literal("\x80\x02}q\x00(X\x01\x00\x00\x00"
              "aq\x01]q\x02(K\x01J\xfe\xff\xff\xffG@\x0c\x00\x00\x00\x00\x00\x00"
              "N\x88X\x04\x00\x00\x00x\xc3\xa9\nq\x03K\x01K\x02\x86q\x04"
              "eX\x03\x00\x00\x00"
              "bigq\x05\x8a\x09\x00"
              "\x00\x00\x00\x00\x00\x00\x00@u."),
      literal("\x80\x04\x95=\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01"
              "a\x94]\x94(K\x01J\xfe\xff\xff\xffG@\x0c"
              "\x00\x00\x00\x00\x00\x00N\x88\x8c\x04x\xc3\xa9\n\x94K\x01K\x02\x86\x94"
              "e\x8c\x03"
              "big\x94\x8a\x09"
              "\x00\x00\x00\x00\x00\x00\x00\x00@u."),
      literal("\x80\x05\x95=\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01"
              "a\x94]\x94(K\x01J\xfe\xff\xff\xffG@\x0c"
              "\x00\x00\x00\x00\x00\x00N\x88\x8c\x04x\xc3\xa9\n\x94K\x01K\x02\x86\x94"
              "e\x8c\x03"
              "big\x94\x8a\x09"
              "\x00\x00\x00\x00\x00\x00\x00\x00@u."),
  };
  for (const std::string_view text : written) {
    CAPTURE(text);
    const Pickle pickle = parsed(text);
    const PickleValue root = pickle.root(), list = root.find("a");
    REQUIRE(root.size() == 2);
    REQUIRE(list.size() == 7);
    CHECK(list.item(0).asInt() == 1);
    CHECK(list.item(1).asInt() == -2);
    CHECK(list.item(2).is(PickleKind::kFloat));
    CHECK(list.item(3).is(Kind::kNone));
    CHECK(list.item(4).asBool() == true);
    CHECK_FALSE(list.item(4).asInt());
    CHECK(list.item(5).text() == "x\xc3\xa9\n");
    CHECK(list.item(6).size() == 2);
    CHECK_FALSE(list.item(7).exists());
    CHECK(root.find("big").is(Kind::kBigInt));
    CHECK_FALSE(root.find("absent").exists());
    // And nothing less than all of it.
    for (size_t length = 0; length < text.size(); ++length) {
      const Error error = errorOf(text.substr(0, length));
      CHECK((error.code == ErrorCode::kTruncated || error.code == ErrorCode::kMalformed));
    }
  }
}

TEST_CASE("a pickle's end is found however it arrives", "[pickle]") {
  const std::string pickle = tensorPickle(0, "I12\n", "I1\n");
  const auto bytes = bytesOf(pickle + "what follows");
  PickleExtent extent;
  for (size_t have = 0; have < pickle.size(); ++have) {
    const auto missing = extent.missing(std::span(bytes).first(have), "test.pkl");
    REQUIRE(missing.ok());
    CHECK(*missing > 0);
    CHECK(have + *missing <= pickle.size());  // never a byte of what follows
  }
  CHECK(*extent.missing(bytes, "test.pkl") == 0);
  CHECK(extent.length() == pickle.size());
}

TEST_CASE("no byte of a pickle's lines is looked at twice, however they arrive", "[pickle]") {
  // Two million pieces of one byte: looked through from the line's beginning each time, they take hours.
  for (const std::string_view begin : {"S", "c", "cmodule\n"}) {
    const auto bytes = bytesOf(std::string(begin) + std::string(2'000'000, 'x'));
    PickleExtent extent;
    bool all = true;
    for (size_t have = 1; have <= bytes.size(); ++have) {
      const auto missing = extent.missing(std::span(bytes).first(have), "test.pkl");
      all = all && missing.ok() && *missing == 1;
    }
    CHECK(all);
  }
}

TEST_CASE("whatever a pickle asks to be called is refused with its name", "[pickle]") {
  const auto refused = [](std::string_view text, std::string_view name) {
    const Error error = errorOf(text);
    CAPTURE(error.message);
    CHECK(error.code == ErrorCode::kUnsupported);
    CHECK(error.message.find("\"" + std::string(name) + "\"") != std::string::npos);
  };
  refused("cos\nsystem\n(S'true'\ntR.", "os.system");
  refused("(S'true'\nios\nsystem\n.", "os.system");
  refused("(cos\nsystem\nS'true'\no.", "os.system");
  refused(
      "\x8c\x08"
      "builtins\x8c\x04"
      "eval\x93.",
      "builtins.eval");
  refused("c__builtin__\ngetattr\n.", "__builtin__.getattr");
  refused("(dS'harmless'\ncsubprocess\nPopen\ns.", "subprocess.Popen");  // named and never called
  refused("ctorch.nn.modules.container\n__class__.__base__\n.", "torch.nn.modules.container.__class__.__base__");
  refused("ctorch.nn.modules\n\xff\n.", "torch.nn.modules.?");
  refused("ctorch\nload\n.", "torch.load");
  CHECK(errorOf("\x82\x01.").code == ErrorCode::kUnsupported);         // the extension registry
  CHECK(errorOf("\x97.").code == ErrorCode::kUnsupported);             // a buffer from outside
  CHECK(errorOf("S'os.system'\n(tR.").code == ErrorCode::kMalformed);  // a call of a string
}

TEST_CASE("a name that is asked for again and again is kept once, and a long one is refused", "[pickle]") {
  // `count` globals of the same two memoised strings: six bytes each, as STACK_GLOBAL of two BINGETs.
  const auto globals = [](size_t count, size_t length) {
    std::string text(
        literal("X\x10\0\0\0torch.nn.modulesq\0"
                "0X"));
    for (int shift = 0; shift < 32; shift += 8) text += static_cast<char>(length >> shift & 0xff);
    text += std::string(length, 'a') +
            "q\1"
            "0(";
    for (size_t i = 0; i < count; ++i) text += literal("h\0h\1\x93");
    return text + "t.";
  };
  constexpr size_t kLongest = Pickle::kMaxGlobalBytes - 1 - literal("torch.nn.modules").size();
  const Pickle same = parsed(globals(12'000, kLongest));
  REQUIRE(same.root().size() == 12'000);
  CHECK(same.root().item(0).text() == "torch.nn.modules." + std::string(kLongest, 'a'));
  CHECK(same.root().item(0).text().data() == same.root().item(11'999).text().data());
  for (const size_t length : {kLongest + 1, size_t{60'000}}) {
    const Error error = errorOf(globals(12'000, length));
    CAPTURE(error.message);
    CHECK(error.code == ErrorCode::kUnsupported);
    CHECK(error.message.size() < 400);
  }
  CHECK(errorOf("ctorch.nn.modules\n" + std::string(60'000, 'a') + "\n.").code == ErrorCode::kUnsupported);

  // Names that differ are kept each, and count by their bytes: 620,000 of 250 bytes are more than a pickle may have.
  std::string different = std::string(literal("X\xf0\0\0\0dall_e.")) + std::string(0xf0 - 7, 'a') +
                          std::string(literal("q\0"
                                              "0("));
  for (int i = 0; i < 620'000; ++i) {
    const std::string name = std::to_string(i);
    different += std::string(literal("h\0X")) + static_cast<char>(name.size()) + std::string(3, '\0') + name + "\x93";
  }
  CHECK(errorOf(different + "t.").code == ErrorCode::kUnsupported);
}

TEST_CASE("numbers with a point are taken as Python writes them", "[pickle]") {
  for (const std::string_view text : {"F1.5\n.", "F-0.001\n.", "F1e-05\n.", "F2.5e+300\n.", "F3\n.", "Finf\n.", "F-inf\n.", "Fnan\n."}) {
    CAPTURE(text);
    CHECK(parsed(text).root().is(PickleKind::kFloat));
  }
}

TEST_CASE("instructions that find nothing to work on are errors", "[pickle]") {
  for (const std::string_view text :
       {".",     "0.",    "2.",     "a.",     "(.",     "(a.",        "t.",    "u.",        "s.",         "b.",    "R.", "Q.",
        "\x81.", "\x85.", "\x93.",  "\x94.",  "h\x01.", "gx\n.",      "N(R.",  "]N(e(u.",   "}(Nu.",      "NNb.",  "Nq", "I\n.",
        "Fx\n.", "F\n.",  "F1e\n.", "F1.\n.", "F-\n.",  "F1.5inf\n.", "Sx\n.", "V\\u12\n.", "\x80\x06N.", "\xffN."}) {
    CAPTURE(text);
    CHECK_FALSE(errorOf(text).message.empty());
  }
}

TEST_CASE("depth, cycles and doubling are no danger", "[pickle]") {
  const size_t depth = 500'000;
  const Pickle deep = parsed(std::string(depth, ']') + std::string(depth - 1, 'a') + ".");
  CHECK(deep.root().size() == 1);

  const Pickle cycle = parsed("(dq\1S'self'\nh\1s.");
  CHECK(cycle.root().find("self").size() == 1);
  CHECK(tensorsOf(cycle).error().code == ErrorCode::kUnsupported);

  // A dict of two times a dict of two times ...: 2^60 places in a few hundred bytes.
  std::string doubled = "(dq\1";
  for (int i = 0; i < 60; ++i) doubled += "0(dS'a'\nh\1sS'b'\nh\1sq\1";
  const Pickle bomb = parsed(doubled + ".");
  CHECK(tensorsOf(bomb).error().code == ErrorCode::kUnsupported);

  // The same list copied into one OrderedDict after another.
  std::string copies = "(l";
  for (int i = 0; i < 1000; ++i) copies += "(NNta";
  copies +=
      "q\1"
      "0ccollections\nOrderedDict\nq\2"
      "0(";
  for (int i = 0; i < 5000; ++i) copies += "h\2h\1\x85R";
  CHECK(errorOf(copies + "t.").code == ErrorCode::kUnsupported);
}

TEST_CASE("a tensor is a part of its storage, in any order of its elements", "[pickle]") {
  const auto read = [](int offset, std::string_view sizes, std::string_view strides) {
    const Pickle pickle = parsed(tensorPickle(offset, sizes, strides));
    auto tensors = tensorsOf(pickle);
    if (!tensors.ok()) FAIL(tensors.error().message);
    REQUIRE(tensors->size() == 1);
    CHECK(tensors->front().name == "t");
    TorchTensor tensor = std::move(tensors->front());
    tensor.storage.key = {};  // it stands in the pickle
    return tensor;
  };
  const TorchTensor plain = read(2, "I2\nI5\n", "I5\nI1\n");
  CHECK(plain.shape == Shape{2, 5});
  CHECK(plain.strides.empty());
  CHECK(plain.offset == 2);
  CHECK(plain.count == 10);
  const TorchTensor transposed = read(0, "I4\nI3\n", "I1\nI4\n");
  CHECK(transposed.strides == std::vector<int64_t>{1, 4});
  CHECK(transposed.count == 12);
  const TorchTensor column = read(1, "I3\n", "I4\n");  // every fourth element
  CHECK(column.strides == std::vector<int64_t>{4});
  CHECK(column.count == 9);
  CHECK(read(0, "", "").count == 1);
  CHECK(read(12, "I0\n", "I1\n").count == 0);

  const auto errorOfTensor = [](int offset, std::string_view sizes, std::string_view strides) {
    const Pickle pickle = parsed(tensorPickle(offset, sizes, strides));
    const auto tensors = tensorsOf(pickle);
    REQUIRE_FALSE(tensors.ok());
    return tensors.error().code;
  };
  CHECK(errorOfTensor(0, "I13\n", "I1\n") == ErrorCode::kMalformed);
  CHECK(errorOfTensor(1, "I12\n", "I1\n") == ErrorCode::kMalformed);
  CHECK(errorOfTensor(12, "", "") == ErrorCode::kMalformed);
  CHECK(errorOfTensor(-1, "I1\n", "I1\n") == ErrorCode::kMalformed);
  CHECK(errorOfTensor(0, "I2\n", "I9223372036854775807\n") == ErrorCode::kMalformed);
  CHECK(errorOfTensor(0, "I3\nI3\n", "I9223372036854775800\nI4\n") == ErrorCode::kMalformed);
  CHECK(errorOfTensor(0, "I4294967296\nI4294967296\n", "I1\nI1\n") == ErrorCode::kMalformed);
  CHECK(errorOfTensor(0, "I-1\n", "I1\n") == ErrorCode::kMalformed);
  CHECK(errorOfTensor(0, "I2\n", "") == ErrorCode::kMalformed);
  CHECK(errorOfTensor(0, "I1000\n", "I0\n") == ErrorCode::kUnsupported);  // one element a thousand times
}

TEST_CASE("training checkpoints are unwrapped, and nested names joined", "[pickle]") {
  const std::string whole = tensorPickle(0, "I12\n", "I1\n");
  const std::string item = whole.substr(7, whole.size() - 9);  // without "(dS't'\n" and "s."
  const auto names = [](const std::string& text) {
    const Pickle pickle = parsed(text);
    const auto tensors = tensorsOf(pickle);
    if (!tensors.ok()) FAIL(tensors.error().message);
    std::string all;
    for (const auto& t : *tensors) all += t.name + " ";
    return all;
  };
  CHECK(names("(dS'model'\n(dS'w'\n" + item + "ssS'optimizer'\n(dI0\n" + item + "ssS'epoch'\nI3\ns.") == "w ");
  CHECK(names("(dS'state_dict'\n(dS'module'\n(dS'w'\n" + item + "sss.") == "w ");
  CHECK(names("(dS'a'\n(dS'w'\n" + item + "sI0\n" + item + "ssS'b'\n" + item + "s.") == "b a.w a.0 ");
  // Whatever lies beside the weights: tensors, numbers, optimisers, settings.
  const std::string optimizer = "S'optimizer'\n(dS'state'\n(dI0\n(dS'momentum_buffer'\n" + item + "ssss";
  for (const std::string wrapper :
       {"state_dict", "model", "module", "model_state_dict", "model_ema", "state_dict_ema", "model_state", "net", "network"})
    CHECK(names("(dS'epoch'\nI3\nsS'best_acc1'\n" + item + "s" + optimizer + "S'" + wrapper + "'\n(dS'w'\n" + item + "ss.") == "w ");
  CHECK(names("(dS'model'\n(dS'depth'\nI12\nssS'state_dict'\n(dS'w'\n" + item + "ss.") == "w ");  // a model's settings
  CHECK(names("(dS'model'\n(dS'depth'\nI12\nssS'w'\n" + item + "s.") == "w ");
  // A pickled module: its state has its tensors and those of the modules in it.
  CHECK(names("ctorch.nn.modules.container\nSequential\n)\x81(dS'_parameters'\n(dS'p'\n" + item +
              "ssS'_modules'\n(dS'0'\n"
              "cdall_e.utils\nConv2d\n)\x81(dS'_parameters'\n(dS'w'\n" +
              item + "ssbssS'training'\nI01\nsb.") == "p 0.w ");
}

TEST_CASE("of averaged and plain weights the averaged are read, and named", "[pickle]") {
  const std::string whole = tensorPickle(0, "I12\n", "I1\n");
  const std::string item = whole.substr(7, whole.size() - 9);
  const auto read = [&](const std::vector<std::string>& wrappers) {
    std::string text = "(dS'epoch'\nI3\ns";
    for (const std::string& name : wrappers) text += "S'" + name + "'\n(dS'" + name + ".w'\n" + item + "ss";
    const Pickle pickle = parsed(text + ".");
    std::string averaged;
    const auto tensors = readTorchTensors(pickle, "test.pkl", &averaged);
    REQUIRE(tensors.ok());
    REQUIRE(tensors->size() == 1);
    return (*tensors)[0].name + " " + averaged;
  };
  CHECK(read({"state_dict", "state_dict_ema"}) == "state_dict_ema.w state_dict_ema");
  CHECK(read({"model", "model_ema"}) == "model_ema.w model_ema");
  CHECK(read({"model_ema"}) == "model_ema.w ");
  CHECK(read({"model", "state_dict"}) == "state_dict.w ");  // timm's order
}

TEST_CASE("what torch.load(weights_only=True) takes is taken, and nothing of it is run", "[pickle]") {
  // Counter({1: 2, 3: 4}), as protocol 2 has it, and others of its kind.
  const Pickle counter = parsed("ccollections\nCounter\n((I1\nI2\nI3\nI4\ndtR.");
  REQUIRE(counter.root().is(Kind::kDict));
  CHECK(counter.root().size() == 2);
  CHECK(counter.root().value(1).asInt() == 4);
  CHECK(parsed("ccollections\nCounter\n(tR.").root().is(Kind::kDict));
  CHECK(parsed("ccollections\ndefaultdict\n(cbuiltins\nlist\ntRS'a'\nI1\ns.").root().find("a").asInt() == 1);
  for (const char* name :
       {"builtins\ncomplex", "__builtin__\ncomplex", "builtins\nbytearray", "builtins\nset", "torch\nTensor", "torch\nbfloat16",
        "torch\nfloat8_e4m3fn", "torch\ncomplex64", "torch\nuint16", "torch\nquint8", "torch\nbool", "torch\nbits8",
        "torch.storage\nUntypedStorage", "torch\nComplexFloatStorage", "torch.serialization\n_get_layout",
        "torch._utils\n_rebuild_sparse_tensor", "torch._utils\n_rebuild_qtensor", "torch.nn.parameter\nBuffer"})
    CHECK(parsed("(dS'x'\nc" + std::string(name) + "\ns.").root().find("x").is(Kind::kGlobal));
  for (const char* name :
       {"torch\nint_repr", "torch\nfloat", "torch.float16\nload", "builtins\nexec", "collections\nOrderedDict builtins.set", "torch\n"})
    CHECK(errorOf("(dS'x'\nc" + std::string(name) + "\ns.").code == ErrorCode::kUnsupported);
}

TEST_CASE("tensors of every rebuilding have their elements, or a type by name", "[pickle]") {
  const auto read = [](const std::string& value) {
    const Pickle pickle = parsed("(dS't'\n" + value + "s.");
    auto tensors = tensorsOf(pickle);
    if (!tensors.ok()) FAIL(tensors.error().message);
    REQUIRE(tensors->size() == 1);
    return entryOf(std::move((*tensors)[0]), 0, 64);
  };
  const auto storage = [](const std::string& kind, int count) {
    return "(S'storage'\nc" + kind + "\nS'0'\nS'cpu'\nI" + std::to_string(count) + "\ntQ";
  };
  const std::string hooks = "I00\nccollections\nOrderedDict\n(tR", v2 = "ctorch._utils\n_rebuild_tensor_v2\n",
                    shape = "I1\n(I2\nI3\nt(I3\nI1\nt";
  // A subclass of tensors, and a parameter of one: what it is made of is an ordinary tensor.
  const std::string subclass = "ctorch._tensor\n_rebuild_from_type_v2\n(" + v2 + "ctorch.nn.parameter\nBuffer\n(" +
                               storage("torch\nFloatStorage", 12) + shape + hooks + "t(dtR";
  for (const std::string& value : {subclass, "ctorch._utils\n_rebuild_parameter\n(" + subclass + hooks + "tR"}) {
    const TensorEntry entry = read(value);
    CHECK(entry.type() == "F32");
    CHECK(entry.shape == Shape{2, 3});
    CHECK(entry.offset == 64 + 4);
    CHECK(entry.bytes == 24);
  }
  // Complex numbers of eight bytes.
  const TensorEntry complex = read(v2 + "(" + storage("torch\nComplexFloatStorage", 12) + shape + hooks + "tR");
  CHECK(complex.type() == "torch.ComplexFloatStorage");
  CHECK(complex.offset == 64 + 8);
  CHECK(complex.bytes == 48);
  // Newer types come in bytes, with their name.
  const std::string v3 = "ctorch._utils\n_rebuild_tensor_v3\n(" + storage("torch.storage\nUntypedStorage", 12) + shape + hooks;
  const TensorEntry bytes = read(v3 + "ctorch\nfloat8_e4m3fn\ntR");
  CHECK(bytes.type() == "torch.float8_e4m3fn");
  CHECK(bytes.shape == Shape{2, 3});
  CHECK(bytes.offset == 64);
  CHECK(bytes.bytes == 12);
  CHECK(bytes.strides.empty());
  CHECK_FALSE(tensorsOf(parsed("(dS't'\n" + v3 + "tRs.")).ok());  // without a type
}
