#!/bin/sh
# Makes the embedded checkpoints from nothing:  weights/training/train.sh WORK [STAGE...] [--smoke]
#
# WORK is a folder outside the repository for pictures, logs and states. Without a stage all run, in this order:
# pictures tokenizer pretrain classify segment ablation install check measure. A stage that was broken off goes on
# where it was. --smoke: a few steps of each on a few pictures, to see that it works; installs nothing.
# BEIT_PYTHON names the Python that has torch 2.13, transformers 4.46, numpy, pillow, safetensors (default: python3),
# BEIT_THREADS the threads to use (default: 2). `check` and `measure` need `npm run build`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${BEIT_PYTHON:-python3} threads=${BEIT_THREADS:-2}
work=${1:?"usage: weights/training/train.sh WORK [STAGE...] [--smoke]"}
shift
mkdir -p "$work"
work=$(cd "$work" && pwd)
smoke= stages=
for word; do
  case $word in
    --smoke) smoke=yes ;;
    pictures|tokenizer|pretrain|classify|segment|ablation|install|check|measure) stages="$stages $word" ;;
    *) echo "train.sh: there is no stage $word" >&2; exit 2 ;;
  esac
done
cd "$here"
if [ "$smoke" ]; then
  train=32 validation=32 test=32 held=20 figures=$work
  short="--pictures $train --validation $validation --steps 2 --batch 8 --every 2 --warmup 1"
  stages=${stages:-pictures tokenizer pretrain classify segment ablation check}
else
  train=12288 validation=1024 test=2048 held=2000 figures=$here/figures
  short=
  stages=${stages:-pictures tokenizer pretrain classify segment ablation install check measure}
fi

draw() { "$python" -m train.pictures --cache "$work/cache" --split "$1" --count "$2" --side "$3" --workers "$threads"; }
stage() {  # NAME OPTIONS...
  name=$1; shift
  "$python" -m "train.$name" --cache "$work/cache" --run "$work/run/$name" --threads "$threads" "$@" $short
}
run=$work/run
for name in $stages; do
  echo "== $name"
  case $name in
    pictures) draw train $train 112; draw validation $validation 96; draw test $test 96 ;;
    tokenizer) stage tokenizer --precision float32 --steps 1800 --every 150 ;;
    pretrain) stage pretrain --tokenizer "$run/tokenizer/best" --steps 2600 --every 130 ;;
    classify) stage classify --start "$run/pretrain/best" --steps 1500 --every 150 ;;
    segment)  # two cosines: the second begins where the first ended
      stage segment --run "$run/segment-first" --start "$run/classify/best" --steps 2000
      stage segment --start "$run/segment-first/best" --steps 3000 --every 300 --warmup 100 --rate 1e-3 ;;
    ablation) stage ablation --start "$run/pretrain/best" --json "$figures/ablation.json" ${smoke:+--sizes $train --seeds 0} ;;
    install)
      for pair in tokenizer:tokenizer pretrain:masked-image-modeling classify:classifier segment:segmentation; do
        mkdir -p "$here/../embedded/${pair#*:}"
        cp "$run/${pair%%:*}/best/"* "$here/../embedded/${pair#*:}/"
      done ;;
    check) "$python" -m train.check "$run/tokenizer/best" "$run/pretrain/best" "$run/classify/best" "$run/segment/best" ;;
    measure)
      "$python" -m train.heldout --cache "$work/cache" --out "$work/heldout" --count $held
      node measure.mjs "$work/heldout" "$figures/measured.json"
      "$python" -m train.report --figures "$figures/measured.json" --ablation "$figures/ablation.json" --out "$figures" ;;
  esac
done
