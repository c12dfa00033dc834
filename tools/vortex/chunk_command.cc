#include "tools/vortex/chunk_command.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/task_group.h"
#include "chunker/manifest_builder.h"
#include "tools/cli/output.h"
#include "tools/cli/real_world.h"
#include "tools/vortex/commands.h"

namespace vortex {

using namespace chunker;

namespace {

Task<Status> read_into(File& file, Pipeline& pipeline) {
  std::uint64_t offset = 0;
  while (true) {
    MutableBytes space = pipeline.space();
    CO_ASSIGN_OR_RETURN(std::size_t count, co_await file.read_at(offset, space));
    if (count == 0) break;
    offset += count;
    CO_RETURN_IF_ERROR(co_await pipeline.commit(count));
  }
  co_return co_await pipeline.finish();
}

class Examination {
 public:
  explicit Examination(bool lines) : with_lines_(lines) {}

  void add(const ReadyChunk& ready, CodePolicy code) {
    const StoredChunk& chunk = ready.chunk;
    Extent extent = Extent::of(chunk, code);
    builder_.add(extent);
    count_nodes();
    report_.smallest = report_.chunks == 0 ? extent.length : std::min(report_.smallest, extent.length);
    report_.largest = std::max(report_.largest, extent.length);
    report_.size += extent.length;
    ++report_.chunks;
    report_.compressed += extent.compressed ? 1 : 0;
    bool fresh = seen_.insert(chunk.id).second;
    if (fresh && ready.shards.empty()) report_.stored += chunk.stored.size();
    for (const Shard& shard : ready.shards)
      if (fresh) report_.stored += shard.head.size() + shard.data.size();
    if (!fresh) {
      ++report_.duplicates;
      report_.duplicate_bytes += extent.length;
    }
    if (with_lines_) report_.lines.push_back(ChunkReport::Line{chunk.file_offset, extent, !fresh});
  }

  ChunkReport finish() {
    Manifest manifest = builder_.finish();
    count_nodes();
    report_.manifest_bytes += encode(manifest).size();
    report_.etag = to_hex(manifest.etag);
    return std::move(report_);
  }

 private:
  void count_nodes() {
    for (const ManifestNode& node : builder_.take_nodes()) {
      ++report_.manifest_nodes;
      report_.manifest_bytes += node.bytes.size();
    }
  }

  bool with_lines_;
  ManifestBuilder builder_;
  std::unordered_set<ChunkId> seen_;
  ChunkReport report_;
};

Task<Status> take_all(Pipeline& pipeline, CodePolicy code, Examination& examination) {
  while (true) {
    CO_ASSIGN_OR_RETURN(std::optional<ReadyChunk> next, co_await pipeline.next());
    if (!next) co_return Status();
    examination.add(*next, code);
  }
}

// One side's failure ends the other.
Task<void> side(Task<Status> work, Status& first_failure, TaskGroup& group) {
  Status status = co_await std::move(work);
  if (!status.ok() && first_failure.ok()) {
    first_failure = std::move(status);
    group.cancel();
  }
}

}  // namespace

Task<Result<ChunkReport>> examine_file(Env& env, std::string path, Policy policy, bool lines) {
  CO_RETURN_IF_ERROR(validate(policy));
  OpenOptions how;
  how.read_only = true;
  CO_ASSIGN_OR_RETURN(std::unique_ptr<File> file, co_await env.disk().open(path, how));
  Sealer sealer(SecretKey::generate(env.random()), env.random());
  Pipeline::Options options;
  if (policy.sealing != Sealing::none) options.sealer = &sealer;
  Pipeline pipeline(env.loop(), env.pool(), policy, options);
  Examination examination(lines);
  Status failure;
  TaskGroup group(env.loop());
  group.spawn(side(read_into(*file, pipeline), failure, group));
  group.spawn(side(take_all(pipeline, policy.code, examination), failure, group));
  co_await group.join();
  co_await pipeline.stop();
  if (!failure.ok()) co_return std::move(failure).error();
  co_return examination.finish();
}

namespace {

constexpr const char* kSettings[] = {"cut", "chunk", "chunk-min", "chunk-max", "compression", "sealing", "code"};

Result<Policy> policy_of(const cli::Invocation& invocation) {
  Policy policy;
  for (const char* name : kSettings) {
    auto value = invocation.text(std::string("--") + name);
    if (!value) continue;
    ASSIGN_OR_RETURN(policy, with_setting(policy, name, *value));
  }
  return policy;
}

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char line[256];
  std::snprintf(line, sizeof line, pattern, values...);
  return line;
}

using Number = unsigned long long;

std::string form_of(const Extent& extent) {
  std::string form = extent.compressed ? "lz4" : "raw";
  return extent.sealed ? form + " sealed" : form;
}

void print_text(const ChunkReport& report, const Policy& policy, cli::Output& out) {
  for (const ChunkReport::Line& line : report.lines)
    out.text(format("%14llu %9llu %9llu  %-10s %s%s\n", Number(line.offset), Number(line.extent.length),
                    Number(line.extent.stored_size), form_of(line.extent).c_str(), line.extent.chunk.hex().c_str(),
                    line.duplicate ? " duplicate" : ""));
  out.text("policy      " + to_string(policy) + "\n");
  out.text(format("size        %llu bytes\n", Number(report.size)));
  out.text(format("chunks      %llu (%llu compressed), %llu to %llu bytes, mean %.0f\n", Number(report.chunks),
                  Number(report.compressed), Number(report.smallest), Number(report.largest), report.mean()));
  out.text(format("duplicates  %llu chunks, %llu bytes\n", Number(report.duplicates), Number(report.duplicate_bytes)));
  out.text(format("stored      %llu bytes a copy, ratio %.3f\n", Number(report.stored), report.ratio()));
  out.text(format("manifest    %llu bytes in the inode and %llu manifest chunks\n", Number(report.manifest_bytes),
                  Number(report.manifest_nodes)));
  out.text("etag        " + report.etag + "\n");
}

void put_json(const ChunkReport& report, const Policy& policy, cli::Output& out) {
  out.put("policy", to_string(policy));
  out.put("size", report.size);
  out.put("chunks", report.chunks);
  out.put("chunks_compressed", report.compressed);
  nlohmann::json sizes;
  sizes["smallest"] = report.smallest;
  sizes["mean"] = report.mean();
  sizes["largest"] = report.largest;
  out.put("chunk_size", sizes);
  out.put("stored", report.stored);
  out.put("ratio", report.ratio());
  nlohmann::json duplicates;
  duplicates["chunks"] = report.duplicates;
  duplicates["bytes"] = report.duplicate_bytes;
  out.put("duplicates", duplicates);
  nlohmann::json manifest;
  manifest["bytes"] = report.manifest_bytes;
  manifest["nodes"] = report.manifest_nodes;
  out.put("manifest", manifest);
  out.put("etag", report.etag);
  if (report.lines.empty()) return;
  nlohmann::json extents = nlohmann::json::array();
  for (const ChunkReport::Line& line : report.lines) {
    nlohmann::json extent;
    extent["offset"] = line.offset;
    extent["length"] = line.extent.length;
    extent["stored"] = line.extent.stored_size;
    extent["compressed"] = line.extent.compressed;
    extent["sealed"] = line.extent.sealed;
    extent["chunk"] = line.extent.chunk.hex();
    extent["duplicate"] = line.duplicate;
    extents.push_back(std::move(extent));
  }
  out.put("extents", std::move(extents));
}

Task<Status> examine_and_keep(Env& env, std::string path, Policy policy, bool lines, ChunkReport& report) {
  CO_ASSIGN_OR_RETURN(report, co_await examine_file(env, std::move(path), policy, lines));
  co_return Status();
}

Status run_chunk(const cli::Invocation& invocation, cli::Output& out) {
  ASSIGN_OR_RETURN(Policy policy, policy_of(invocation));
  ChunkReport report;
  auto examine = [&](Env& env) {
    return examine_and_keep(env, invocation.arguments[0], policy, invocation.has("--list"), report);
  };
  RETURN_IF_ERROR(cli::run_in_real_world(examine));
  print_text(report, policy, out);
  put_json(report, policy, out);
  return {};
}

}  // namespace

cli::Command chunk_command() {
  cli::Command command;
  command.name = "chunk";
  command.group = "inspecting";
  command.arguments = "FILE";
  command.arguments_min = command.arguments_max = 1;
  command.summary = "what storing a file would make of it: chunks, sizes, ratio, duplicates";
  command.details = "Nothing is stored and no cluster is needed.";
  command.flags = {{"--cut", "KIND", "fixed or content", 0},
                   {"--chunk", "SIZE", "of fixed chunks, or the average of chunks cut by content, like 1MiB", 0},
                   {"--chunk-min", "SIZE", "the smallest chunk cut by content, but for the last", 0},
                   {"--chunk-max", "SIZE", "the largest chunk cut by content", 0},
                   {"--compression", "HOW", "none, lz4 or lz4-high", 0},
                   {"--sealing", "HOW", "none or aes-256-gcm", 0},
                   {"--code", "K+M", "none, or data and parity shards like 4+2", 0},
                   {"--list", "", "every chunk, with its offset, sizes, form and id", 0}};
  command.run = run_chunk;
  return command;
}

}  // namespace vortex
