#!/bin/sh
# The whole model road on one computer, without a GPU and without a network: from the demo network's raw
# posts to an answer by the model that was just trained on them. Read it from top to bottom; it is the road.
#
#   sh runs/laptop.sh                    # 3 million parameters, some tens of minutes on a laptop
#   SIZE=200k sh runs/laptop.sh          # the smallest: a few minutes, and it can say nothing
#
# SIZE is the one dial. Run it again after any kind of end: each step goes on where it was.
# WORK is the folder that it works in (default: runs/laptop), PYTHON the Python that Myna is installed in.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
SIZE=${SIZE:-3m}
WORK=${WORK:-$here/runs/laptop}
PYTHON=${PYTHON:-$here/.venv/bin/python}
POSTS=$here/src/myna/feeds/demo/ubuntu_irc.jsonl.zst
LICENCE=CC-BY-4.0
export MYNA_HOME="$WORK/home" MYNA_DEMO=0
mkdir -p "$WORK"
cd "$WORK"
myna() { echo "+ myna $*"; "$PYTHON" -m myna "$@"; }

# 1. A tokenizer and a corpus of posts that may be learnt from, each said once, without personal data.
#    Of the store instead of a file: leave the file out; then each author's consent is asked for.
[ -d tokenizer ] || myna train tokenizer "$POSTS" --licence $LICENCE --size 4096 --to tokenizer
myna train corpus "$POSTS" --licence $LICENCE --tokenizer tokenizer --to corpus

# 2. Examples of answers from posts: questions, numbered posts, answers with their marks, refusals.
myna train grounded "$POSTS" --licence $LICENCE --to grounded

# 3. Pretraining on two processes; on eight GPUs it is the same with --nproc-per-node 8 --compile.
echo "+ torchrun --nproc-per-node 2 -m myna train pretrain corpus run --size $SIZE"
"$PYTHON" -m torch.distributed.run --standalone --nproc-per-node 2 -m \
    myna train pretrain corpus run --size "$SIZE" --save-every 100 ${STEPS:+--steps "$STEPS"}

# 4. Fine-tuning on the examples: all weights, since so small a model has nothing worth keeping.
[ -d sft/model ] || myna train sft grounded sft --from run --tokenizer tokenizer --rank 0 \
    ${TUNE:+--steps "$TUNE"}

# 5. Files that others load, and a card that says what is in them.
[ -d mine ] || myna export sft mine --licence Apache-2.0
sed -n '/^## What it learnt/,/^## Files/p' mine/README.md

# 6. Into Myna: checked, one trial answer, then in use. Against a Myna that people use, try it on a share
#    first (--canary 10%), look at `myna models figures`, and go back with `myna models rollback`.
myna models add mine
myna models use mine

# 7. A question. The posts are read into a store of this folder; the answer says which model was asked.
myna ingest "$POSTS" --network irc
"$PYTHON" -m myna serve --role index > index.log 2>&1 &
index=$!
trap 'kill $index 2>/dev/null || true' EXIT
until "$PYTHON" -m myna status --json 2>/dev/null | grep -q '"lag": 0,'; do sleep 2; done
myna ask --json "How can I burn a CD?"
