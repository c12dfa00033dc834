#include "wal/inspect.h"

#include <cinttypes>
#include <cstdio>

#include "wal/recovery.h"

namespace vortex::wal {

namespace {
template <class... Values>
void add_line(std::string& text, const char* format, Values... values) {
  char line[400];
  std::snprintf(line, sizeof line, format, values...);
  text.append(line).append("\n");
}

void add_damage(std::string& text, const RecoveryReport& report) {
  for (const Damage& damage : report.damages)
    add_line(text, "DAMAGED segment %" PRIu32 " (%s) offset %" PRIu64 " length %" PRIu64 ": %s", damage.segment,
             damage.file.empty() ? "no file" : damage.file.c_str(), damage.offset, damage.length, damage.what.c_str());
  for (const HurtOwner& hurt : report.hurt) {
    std::string count = hurt.missing == 0 ? "records" : std::to_string(hurt.missing) + " records";
    add_line(text, "owner %" PRIu64 " %s %s between %s and %s", hurt.owner, hurt.certain ? "has lost" : "may have lost",
             count.c_str(), hurt.after.to_string().c_str(), hurt.before.to_string().c_str());
  }
  if (!report.names_complete) text.append("owners that are not named here may have lost all of their records\n");
}
}  // namespace

Task<Result<RecoveryReport>> inspect(Env& env, std::string directory) {
  CO_ASSIGN_OR_RETURN(Recovered recovered, co_await recover(env, directory, false, true));
  co_return std::move(recovered.report);
}

std::string to_text(const RecoveryReport& report) {
  std::string text;
  if (report.segments.empty()) {
    add_line(text, "no log has been begun here; %zu empty segments", report.spares.size());
    return text;
  }
  add_line(text, "log %016" PRIx64 ": %zu segments in use, %zu spare, %zu owners, groups up to %" PRIu64 ", end at %s",
           report.log_id, report.segments.size(), report.spares.size(), report.owners, report.last_sequence,
           report.end.to_string().c_str());
  for (const SegmentSummary& segment : report.segments)
    add_line(text,
             "segment %" PRIu32 " %s: groups %" PRIu64 " to %" PRIu64 ", %" PRIu64 " records, %" PRIu64 " of %" PRIu64
             " bytes",
             segment.segment, segment.file.c_str(), segment.first_sequence, segment.last_sequence, segment.records,
             segment.used, segment.bytes);
  if (report.torn_tail)
    add_line(text, "the last write, at segment %" PRIu32 " offset %" PRIu64 ", was not finished and does not count",
             report.torn_tail->segment, report.torn_tail->offset);
  add_damage(text, report);
  text.append(report.sound() ? "sound\n" : "DAMAGED\n");
  return text;
}

}  // namespace vortex::wal
