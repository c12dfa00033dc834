#include "tools/vortex/doctor_deep.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "net/messages/deep.h"
#include "node/fetch/chunk_reader.h"
#include "node/namespace/audit.h"
#include "tools/cli/output.h"
#include "tools/remote/file_text.h"
#include "tools/remote/remote.h"

namespace vortex {

namespace {

using remote::Remote;

constexpr Duration kPause = milliseconds(300);

// Every partition's records, page by page, each from whoever leads it then.
class ClusterRecords final : public node::RecordSource {
 public:
  explicit ClusterRecords(Remote& from) : from_(from), partitions_(from.session.members().settings.partitions) {}

  Task<Result<std::vector<dht::Record>>> more() override {
    std::vector<dht::Record> records;
    while (records.empty() && partition_ < partitions_) {
      CO_ASSIGN_OR_RETURN(net::ReadRecordsResponse page, co_await read());
      for (net::ReadRecord& read : page.records) {
        dht::Record& record = records.emplace_back();
        record.key.place = read.place;
        record.key.name = std::move(read.name);
        record.value = std::move(read.value);
      }
      next_.place = page.next_place;
      next_.name = std::move(page.next_name);
      if (!page.more) ++partition_;
      if (!page.more) next_ = dht::Key();
    }
    co_return records;
  }

 private:
  Task<Status> find_leaders() {
    net::ReportPartitionsRequest request;
    request.everywhere = true;
    CO_ASSIGN_OR_RETURN(net::ReportPartitionsResponse all,
                        co_await from_.session.ask<net::ReportPartitions>(request, from_.timeout));
    for (const net::PartitionReport& report : all.partitions) leaders_[report.id] = report.leader;
    co_return Status();
  }

  Task<Result<net::ReadRecordsResponse>> read() {
    Instant deadline = from_.env.now() + from_.timeout;
    while (true) {
      if (!leaders_.contains(partition_)) CO_RETURN_IF_ERROR(co_await find_leaders());
      Error last(Code::not_leader, "partition " + std::to_string(partition_) + " has no leader that answers");
      auto leader = leaders_.find(partition_);
      if (leader != leaders_.end()) {
        net::ReadRecordsRequest request;
        request.partition = partition_;
        request.place = next_.place;
        request.name = next_.name;
        net::CallOptions options(deadline - from_.env.now());
        auto reply = co_await from_.session.peers().call<net::ReadRecords>(from_.session.target(leader->second),
                                                                           std::move(request), std::move(options));
        if (reply.ok()) co_return std::move(reply->response);
        last = reply.error();
        leaders_.clear();
      }
      bool hopeless = !code_info(last.code()).retry_may_help && !last.is(Code::closed);
      if (hopeless || from_.env.now() + kPause >= deadline) co_return last;
      CO_RETURN_IF_ERROR(co_await sleep_for(from_.env, kPause));
    }
  }

  Remote& from_;
  const std::uint32_t partitions_;
  std::uint32_t partition_ = 0;
  dht::Key next_;
  std::map<std::uint32_t, NodeId> leaders_;
};

// Prints what is wrong, and fails with `damaged` when something is. Needs a key with administration rights.
Task<Status> look_deep(Remote& from, const cli::Invocation&, cli::Output& out) {
  ClusterRecords records(from);
  node::ChunkReader nodes(from.env, from.files, from.holders);
  node::Audit audit(from.env, nodes);
  CO_ASSIGN_OR_RETURN(node::AuditReport report, co_await audit.run(records));
  for (const std::string& finding : report.findings) out.text("defect: " + remote::printable(finding) + "\n");
  out.text(std::to_string(report.directories) + " directories, " + std::to_string(report.entries) + " entries, " +
           std::to_string(report.files) + " files, " + std::to_string(report.chunks) + " chunks, " +
           std::to_string(report.references) + " references, " + std::to_string(report.unsettled) + " unsettled, " +
           std::to_string(report.defects) + " defects\n");
  out.put("directories", report.directories);
  out.put("entries", report.entries);
  out.put("files", report.files);
  out.put("linked_files", report.linked_files);
  out.put("chunks", report.chunks);
  out.put("references", report.references);
  out.put("unsettled", report.unsettled);
  out.put("defects", report.defects);
  out.put("findings", report.findings);
  if (report.sound()) co_return Status();
  out.hint("what changes during the check may be reported: look again when nobody writes");
  co_return Error(Code::damaged, "records of the file system contradict each other");
}

}  // namespace

void add_deep_look(std::vector<cli::Command>& commands) {
  auto doctor = std::ranges::find(commands, std::string("doctor"), &cli::Command::name);
  if (doctor == commands.end()) {
    cli::Command alone;
    alone.name = "doctor";
    alone.group = "seeing";
    alone.summary = "checks the records of the file system against each other";
    alone.run = [](const cli::Invocation&, cli::Output& out) -> Status {
      out.hint("'vortex doctor --deep' checks all records of the file system");
      return Error(Code::invalid_argument, "say how deep to look");
    };
    doctor = commands.insert(commands.end(), std::move(alone));
  }
  doctor->flags.push_back({"--deep", "", "all records of the file system against each other: takes a while", 0});
  auto deep = remote::with_cluster(look_deep);
  auto plain = std::move(doctor->run);
  doctor->run = [deep, plain](const cli::Invocation& invocation, cli::Output& out) {
    return invocation.has("--deep") ? deep(invocation, out) : plain(invocation, out);
  };
}

}  // namespace vortex
