#!/usr/bin/env bash
# Claude Code (npm `@anthropic-ai/claude-code`) 2.1.197, `claude -p --output-format json` and
# `stream-json`, with a gateway named by ANTHROPIC_BASE_URL.
#
# One would guess: `subtype` of the last line, the `result`, is what tells the endings apart: the
# failures have subtypes of their own ("error_during_execution", "error_max_turns"), so "success"
# means that the model has answered, and `result` holds its words.
#
# What happens: where the gateway refuses the one request (here with 400), `subtype` is "success"
# and `terminal_reason` "completed", `result` holds the gateway's complaint in the place of the
# model's words, and in stream-json an `assistant` line before it says the same, of the model
# "<synthetic>". That it failed is in `is_error`, `api_error_status` and the exit code 1.
#
# Seen on 2026-11-30 (Linux, Node 20), the same for both formats:
#   exit 1, subtype success, terminal_reason completed, is_error true, api_error_status 400,
#     result "API Error: 400 no model of this name"
#   and for stream-json: assistant <synthetic> "API Error: 400 no model of this name"
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
timeout 300 npm install --silent --no-audit --no-fund --prefix "$folder/tool" \
  @anthropic-ai/claude-code@2.1.197

cat >"$folder/gateway.mjs" <<'JS'
import http from "node:http";

const refusal = { type: "invalid_request_error", message: "no model of this name" };
const gateway = http.createServer((request, response) => {
  request.resume().on("end", () => {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ type: "error", error: refusal }));
  });
});
gateway.listen(0, "127.0.0.1", () => console.log(gateway.address().port));
JS
node "$folder/gateway.mjs" >"$folder/port" &
server=$!
for _ in $(seq 100); do
  if [ -s "$folder/port" ]; then break; fi
  sleep 0.1
done
port=$(cat "$folder/port")

run() {
  local code=0
  (
    cd "$folder/work"
    env -i PATH="$PATH" HOME="$folder/home" \
      DISABLE_AUTOUPDATER=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 \
      HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY=127.0.0.1 \
      ANTHROPIC_API_KEY=none ANTHROPIC_BASE_URL="http://127.0.0.1:$port" \
      timeout 120 "$folder/tool/node_modules/.bin/claude" -p "$@" "Name the three steps." </dev/null
  ) >"$folder/lines" || code=$?
  node -e '
    const text = require("fs").readFileSync(process.argv[1], "utf8");
    const lines = text.trim().split("\n").map(JSON.parse);
    for (const { message } of lines.filter((line) => line.type === "assistant"))
      console.log(`assistant ${message.model} ${JSON.stringify(message.content[0].text)}`);
    const end = lines.at(-1);
    const keys = ["subtype", "terminal_reason", "is_error", "api_error_status"];
    console.log([`exit ${process.argv[2]}`, ...keys.map((key) => `${key} ${end[key]}`)].join(", "));
    console.log(`${end.type} ${JSON.stringify(end.result)}`);
  ' "$folder/lines" "$code"
}

version=$("$folder/tool/node_modules/.bin/claude" --version)
whole=$(run --output-format json)
stream=$(run --output-format stream-json --verbose)
printf '%s\njson:\n%s\nstream-json:\n%s\n' "$version" "$whole" "$stream"

ending='exit 1, subtype success, terminal_reason completed, is_error true, api_error_status 400
result "API Error: 400 no model of this name"'
[ "$whole" = "$ending" ]
[ "$stream" = 'assistant <synthetic> "API Error: 400 no model of this name"
'"$ending" ]
