#!/usr/bin/env bash
# opencode (npm `opencode-ai`) 1.18.33, `opencode run --format json`, with a provider that speaks
# OpenAI's chat completions.
#
# One would guess: an answer that the provider cut off (`finish_reason` "length") ends the run as
# one that its content filter stopped (`finish_reason` "content_filter"): with an `error` line and
# an exit code other than 0. Both are unfinished answers.
#
# What happens: only the filtered one is an error. The cut one ends with 0 and without an `error`
# line; the single trace is the `reason` of its last `step_finish`. Who goes by the exit code takes
# half an answer for a whole one.
#
# Seen on 2026-11-30 (Linux, Node 20):
#   stop: exit 0, lines step_start text step_finish, reason stop
#   length: exit 0, lines step_start text step_finish, reason length
#   content_filter: exit 1, lines step_start text step_finish error, reason content-filter
#
# Needs node and npm. Exits 0 while this holds, otherwise not.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$folder"
}
trap finish EXIT

mkdir "$folder/tool" "$folder/home" "$folder/work"
timeout 300 npm install --silent --no-audit --no-fund --prefix "$folder/tool" opencode-ai@1.18.33

# A provider on loopback: the model's name is how its answer ends.
cat >"$folder/provider.mjs" <<'JS'
import http from "node:http";

const provider = http.createServer((request, response) => {
  let asked = "";
  request.on("data", (bytes) => (asked += bytes));
  request.on("end", () => {
    const { model } = JSON.parse(asked);
    const event = (delta, finish_reason, more) => {
      const choices = [{ index: 0, delta, finish_reason }];
      const about = { id: "1", object: "chat.completion.chunk", created: 1, model };
      const chunk = { ...about, choices, ...more };
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    };
    response.writeHead(200, { "content-type": "text/event-stream" });
    event({ role: "assistant", content: "The first of the three steps is" }, null);
    const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
    event({}, model, { usage });
    response.end("data: [DONE]\n\n");
  });
});
provider.listen(0, "127.0.0.1", () => console.log(provider.address().port));
JS
node "$folder/provider.mjs" >"$folder/port" &
server=$!
for _ in $(seq 100); do
  if [ -s "$folder/port" ]; then break; fi
  sleep 0.1
done
port=$(cat "$folder/port")

# One line of what a run with the given ending was.
outcome() {
  local code=0
  (
    cd "$folder/work"
    env -i PATH="$PATH" HOME="$folder/home" \
      OPENCODE_DISABLE_AUTOUPDATE=1 OPENCODE_DISABLE_MODELS_FETCH=1 \
      OPENCODE_DISABLE_LSP_DOWNLOAD=1 OPENCODE_DISABLE_DEFAULT_PLUGINS=1 \
      HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY=127.0.0.1 \
      OPENCODE_CONFIG_CONTENT='{"provider": {"own": {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": "http://127.0.0.1:'"$port"'/v1", "apiKey": "none"},
        "models": {"stop": {}, "length": {}, "content_filter": {}}}}}' \
      timeout 90 "$folder/tool/node_modules/.bin/opencode" \
      run --format json --model "own/$1" "Name the three steps." </dev/null
  ) >"$folder/lines" || code=$?
  node -e '
    const text = require("fs").readFileSync(process.argv[1], "utf8");
    const lines = text.trim().split("\n").map(JSON.parse);
    const reason = lines.findLast((line) => line.type === "step_finish")?.part.reason;
    const types = lines.map((line) => line.type).join(" ");
    console.log(`${process.argv[2]}: exit ${process.argv[3]}, lines ${types}, reason ${reason}`);
  ' "$folder/lines" "$1" "$code"
}

version=$("$folder/tool/node_modules/.bin/opencode" --version)
seen=$(for ending in stop length content_filter; do outcome "$ending"; done)
printf 'opencode %s\n%s\n' "$version" "$seen"

[ "$seen" = "stop: exit 0, lines step_start text step_finish, reason stop
length: exit 0, lines step_start text step_finish, reason length
content_filter: exit 1, lines step_start text step_finish error, reason content-filter" ]
