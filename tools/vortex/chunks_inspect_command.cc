#include <nlohmann/json.hpp>
#include <string>

#include "tools/cli/output.h"
#include "tools/cli/real_world.h"
#include "tools/vortex/commands.h"
#include "tools/vortex/json_list.h"
#include "wal/value_store/inspect.h"

namespace vortex {

namespace {

nlohmann::json segment_json(const wal::values::SegmentInspection& segment) {
  return {{"segment", segment.number},
          {"epoch", segment.epoch},
          {"bytes", segment.bytes},
          {"values", segment.values},
          {"touches", segment.touches},
          {"tombstones", segment.tombstones},
          {"quarantines", segment.quarantines},
          {"value_bytes", segment.value_bytes},
          {"live_chunks", segment.live_values},
          {"live_bytes", segment.live_bytes}};
}

nlohmann::json chunk_json(const wal::values::ValueInspection& chunk) {
  return {{"chunk", chunk.id.hex()}, {"number", chunk.number},   {"length", chunk.length},
          {"form", chunk.form},      {"segment", chunk.segment}, {"offset", chunk.offset}};
}

nlohmann::json damage_json(const wal::values::Damage& damage) {
  nlohmann::json out = {{"segment", damage.segment},
                        {"offset", damage.offset},
                        {"length", damage.length},
                        {"what", damage.what},
                        {"kept", damage.kept}};
  if (damage.id) out["chunk"] = damage.id->hex();
  return out;
}

void put(const wal::values::StoreInspection& store, bool chunks, cli::Output& out) {
  out.put("store", store.store);
  out.put("epoch", store.epoch);
  out.put("version", store.version);
  out.put("segments", json_list(store.segments, segment_json));
  out.put("chunks_total", store.values.size());
  if (chunks) out.put("chunks", json_list(store.values, chunk_json));
  out.put("index", {{"number", store.index_number}, {"entries", store.index_entries}});
  out.put("quarantined_files", store.quarantined_files);
  out.put("damages", json_list(store.findings, damage_json));
}

Task<Status> inspect(Env& env, std::string directory, bool chunks, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(wal::values::StoreInspection store, co_await wal::values::inspect(env, std::move(directory)));
  if (chunks) {
    for (const wal::values::ValueInspection& chunk : store.values) {
      std::string line = chunk.id.hex() + " " + std::to_string(chunk.length) + " bytes in segment ";
      out.text(line + std::to_string(chunk.segment) + " at " + std::to_string(chunk.offset) + "\n");
    }
  }
  out.text(wal::values::to_text(store));
  put(store, chunks, out);
  if (store.findings.empty()) co_return Status();
  out.hint("a node that runs on it sets damaged copies aside and fetches good ones from others");
  co_return Error(Code::damaged, "the chunk store is damaged");
}

}  // namespace

cli::Command chunks_inspect_command() {
  cli::Command command;
  command.name = "chunks inspect";
  command.group = "inspecting";
  command.arguments = "DIR";
  command.arguments_min = 1;
  command.arguments_max = 1;
  command.summary = "reads a chunk store, verifies every copy, and says what is hurt";
  command.details =
      "DIR is the store's own folder. Nothing is changed. The store should not be in use by a node.\n"
      "Exit status 7 when anything in it is damaged.";
  command.flags = {{"--chunks", "", "list every chunk as well", 0}};
  command.run = [](const cli::Invocation& invocation, cli::Output& out) {
    const std::string& directory = invocation.arguments[0];
    bool chunks = invocation.has("--chunks");
    return cli::run_in_real_world([&](Env& env) { return inspect(env, directory, chunks, out); });
  };
  return command;
}

}  // namespace vortex
