#include <nlohmann/json.hpp>
#include <string>

#include "tools/cli/output.h"
#include "tools/cli/real_world.h"
#include "tools/vortex/commands.h"
#include "tools/vortex/json_list.h"
#include "wal/inspect.h"

namespace vortex {

namespace {

nlohmann::json segment_json(const wal::SegmentSummary& segment) {
  return {{"segment", segment.segment},
          {"file", segment.file},
          {"bytes", segment.bytes},
          {"used", segment.used},
          {"groups", segment.groups},
          {"records", segment.records},
          {"first_sequence", segment.first_sequence},
          {"last_sequence", segment.last_sequence}};
}

nlohmann::json damage_json(const wal::Damage& damage) {
  return {{"segment", damage.segment},
          {"file", damage.file},
          {"offset", damage.offset},
          {"length", damage.length},
          {"what", damage.what}};
}

nlohmann::json hurt_json(const wal::HurtOwner& hurt) {
  return {{"owner", hurt.owner},
          {"certain", hurt.certain},
          {"after", hurt.after.to_string()},
          {"before", hurt.before.to_string()},
          {"missing", hurt.missing}};
}

void put(const wal::RecoveryReport& report, cli::Output& out) {
  out.put("log_id", report.log_id);
  out.put("owners", report.owners);
  out.put("segments", json_list(report.segments, segment_json));
  out.put("spares", report.spares);
  out.put("damages", json_list(report.damages, damage_json));
  out.put("hurt", json_list(report.hurt, hurt_json));
  out.put("names_complete", report.names_complete);
  if (report.torn_tail) {
    const wal::TornTail& tail = *report.torn_tail;
    out.put("torn_tail", {{"segment", tail.segment}, {"offset", tail.offset}, {"bytes", tail.bytes}});
  }
  out.put("end", report.end.to_string());
  out.put("last_sequence", report.last_sequence);
}

Task<Status> inspect(Env& env, std::string directory, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(wal::RecoveryReport report, co_await wal::inspect(env, std::move(directory)));
  out.text(wal::to_text(report));
  put(report, out);
  if (report.sound()) co_return Status();
  out.hint("a node that starts on it says which partitions are hurt, and fetches them from their groups");
  co_return Error(Code::damaged, "the log is damaged");
}

}  // namespace

cli::Command wal_inspect_command() {
  cli::Command command;
  command.name = "wal inspect";
  command.group = "inspecting";
  command.arguments = "DIR";
  command.arguments_min = 1;
  command.arguments_max = 1;
  command.summary = "reads a write-ahead log, verifies every record, and says what is hurt";
  command.details =
      "DIR is the log's own folder. Nothing is changed. The log should not be in use by a node.\n"
      "Exit status 7 when anything in it is damaged.";
  command.run = [](const cli::Invocation& invocation, cli::Output& out) {
    const std::string& directory = invocation.arguments[0];
    return cli::run_in_real_world([&](Env& env) { return inspect(env, directory, out); });
  };
  return command;
}

}  // namespace vortex
