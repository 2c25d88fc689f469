// config.json of the BEiT family, as the reference's BeitConfig reads it. Member names are the
// file's own.
// Reference: transformers models/beit/configuration_beit.py, configuration_utils.py.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/result.h"
#include "src/base/size.h"
#include "src/kernels/activation.h"
#include "src/layers/transformer/bias_table_resize.h"

namespace beit {

// problem_type: which loss a classifier's labels are for.
enum class ProblemType { kRegression, kSingleLabel, kMultiLabel };

// Returns "regression", "single_label_classification" or "multi_label_classification".
std::string_view toString(ProblemType type);

struct BeitConfig {
  // "beit" or "data2vec-vision": the same model with another prefix in its checkpoints.
  std::string model_type = "beit";
  std::vector<std::string> architectures;

  int64_t vocab_size = 8192;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  int64_t intermediate_size = 3072;
  Activation hidden_act = Activation::kGelu;
  double hidden_dropout_prob = 0.0;  // no effect here, like the next two: inference only
  double attention_probs_dropout_prob = 0.0;
  double drop_path_rate = 0.1;
  double initializer_range = 0.02;
  double layer_norm_eps = 1e-12;
  Size image_size{224, 224};
  Size patch_size{16, 16};
  int64_t num_channels = 3;
  bool use_mask_token = false;
  bool use_absolute_position_embeddings = false;
  bool use_relative_position_bias = false;
  bool use_shared_relative_position_bias = false;
  double layer_scale_init_value = 0.1;  // lambda_1 and lambda_2 exist when it is above 0
  bool use_mean_pooling = true;

  // Segmentation and backbone. An index i is the output of layer i, 1-based; 0 is the embeddings.
  // Indices lie in [0, num_hidden_layers]; both lists are empty when the file has none, and name
  // the same stages otherwise.
  std::vector<int64_t> out_indices;
  std::vector<std::string> out_features;
  bool add_fpn = false;
  bool reshape_hidden_states = true;
  std::vector<int64_t> pool_scales{1, 2, 3, 6};
  bool use_auxiliary_head = true;
  double auxiliary_loss_weight = 0.4;
  int64_t auxiliary_channels = 256;
  int64_t auxiliary_num_convs = 1;
  bool auxiliary_concat_input = false;
  int64_t semantic_loss_ignore_index = 255;

  // num_labels names, by class id. An id that the file leaves out is called "LABEL_<id>".
  int64_t num_labels = 2;
  std::vector<std::string> id2label{"LABEL_0", "LABEL_1"};
  std::vector<std::pair<std::string, int64_t>> label2id{{"LABEL_0", 0}, {"LABEL_1", 1}};
  std::optional<ProblemType> problem_type;

  // No field of the file: ModelOptions sets it (src/beit/model_options.h).
  RelativePositionBiasResize relative_position_bias_resize = RelativePositionBiasResize::kTransformers;

  // Names in the file that are no field of BeitConfig (torch_dtype, transformers_version, …).
  std::vector<std::string> unknown_fields;

  // Returns D, hidden_size / num_attention_heads.
  int64_t head_dim() const { return hidden_size / num_attention_heads; }

  // Returns the patch grid (rows, columns) of an image of that size; rests smaller than a patch
  // are left out, as the patch convolution leaves them out.
  Size patchGrid(Size image) const { return {image.height / patch_size.height, image.width / patch_size.width}; }

  // Returns the patch grid of image_size.
  Size patchGrid() const { return patchGrid(image_size); }

  // Returns {"stem", "stage1", … "stage<num_hidden_layers>"}.
  std::vector<std::string> stage_names() const;
};

// Returns the config of config.json's text, defaults filled in. Every size in it is positive (of
// labels there may be none) and bounded such that no product of the model's overflows 2^62.
// Errors: those of Json::parse; kBadConfig for a field of the wrong type or range, with the field's
// name in `where`; kUnsupported for a model_type that is not of the family.
Result<BeitConfig> parseConfig(std::string_view json);

}  // namespace beit
