// `vortex where`: where a file is: its name's partition, its chunks, who holds each and who should.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "chunker/manifest_reader.h"
#include "dht/partition/key_space.h"
#include "node/fetch/chunk_reader.h"
#include "tools/cli/output.h"
#include "tools/remote/file_text.h"
#include "tools/remote/remote.h"
#include "tools/vortex/commands.h"

namespace vortex {

namespace {

using nlohmann::json;
using remote::Remote;

// Chunks that are asked for at once.
constexpr std::size_t kExtentsAtOnce = 128;

struct Where {
  std::uint32_t partition = 0;
  std::optional<net::PartitionReport> report;  // nothing: it has no leader that answers
};

Task<Result<Where>> partition_at(Remote& from, Id place) {
  const std::uint32_t partitions = from.session.members().settings.partitions;
  if (!dht::valid_partition_count(partitions)) co_return Error(Code::bad_message, "no number of partitions");
  Where where;
  where.partition = dht::partition_of(place, partitions);
  net::ReportPartitionsRequest request;
  request.everywhere = true;
  CO_ASSIGN_OR_RETURN(net::ReportPartitionsResponse all,
                      co_await from.session.ask<net::ReportPartitions>(request, from.timeout));
  for (net::PartitionReport& report : all.partitions)
    if (report.id == where.partition) where.report = std::move(report);
  co_return where;
}

void show_partition(const Where& where, cli::Output& out) {
  json members = json::array();
  std::string text = "partition  " + std::to_string(where.partition);
  if (where.report) {
    text += "  leader " + where.report->leader.short_hex() + "  members";
    for (const net::PartitionReplica& replica : where.report->members) {
      members.push_back(replica.node.hex());
      text += " " + replica.node.short_hex();
    }
  } else {
    text += "  (no leader answers)";
  }
  json leader = where.report ? json(where.report->leader.hex()) : json(nullptr);
  out.put("partition", {{"id", where.partition}, {"leader", leader}, {"members", members}});
  out.text(text + "\n");
}

json ids(const std::vector<NodeId>& nodes) {
  json list = json::array();
  for (const NodeId& node : nodes) list.push_back(node.hex());
  return list;
}

std::string short_ids(const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId& node : nodes) text += " " + node.short_hex();
  return text.empty() ? " -" : text;
}

std::vector<NodeId> holders_of(const std::optional<node::ChunkRecord>& record) {
  std::vector<NodeId> holders;
  if (!record) return holders;
  for (const node::Holder& holder : record->holders) holders.push_back(holder.node);
  return holders;
}

Task<Status> show_extents(Remote& from, chunker::Manifest manifest, cli::Output& out) {
  const std::uint64_t size = manifest.size;
  node::ChunkReader reader(from.env, from.files, from.holders);
  chunker::ManifestReader finder(reader, std::move(manifest));
  json list = json::array();
  for (std::uint64_t at = 0; at < size;) {
    CO_ASSIGN_OR_RETURN(chunker::Found found, co_await finder.find(at, size - at, kExtentsAtOnce));
    if (found.covered_to <= at) co_return Error(Code::damaged, "a manifest that ends before its file");
    at = found.covered_to;
    std::vector<ChunkId> chunks;
    for (const chunker::PlacedExtent& placed : found.extents)
      if (!placed.extent.is_hole()) chunks.push_back(placed.extent.chunk);
    CO_ASSIGN_OR_RETURN(auto records, co_await from.files.find_chunks(chunks, from.timeout));
    std::size_t next = 0;
    for (const chunker::PlacedExtent& placed : found.extents) {
      json entry = {{"offset", placed.offset}, {"length", placed.extent.length}};
      std::string text = std::to_string(placed.offset) + " +" + std::to_string(placed.extent.length) + "  ";
      if (placed.extent.is_hole()) {
        entry["hole"] = true;
        out.text(text + "a hole\n");
        list.push_back(entry);
        continue;
      }
      const std::optional<node::ChunkRecord>& record = records[next++];
      std::vector<NodeId> holders = holders_of(record);
      std::vector<NodeId> owners =
          from.session.ring().owners(placed.extent.chunk, record ? record->replicas : std::size_t(3));
      entry["chunk"] = placed.extent.chunk.hex();
      entry["holders"] = ids(holders);
      entry["owners"] = ids(owners);
      list.push_back(entry);
      out.text(text + placed.extent.chunk.short_hex() + "  on" + short_ids(holders) + "  should be on" +
               short_ids(owners) + "\n");
    }
  }
  out.put("extents", list);
  co_return Status();
}

Task<Status> where(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  const std::string& path = invocation.arguments[0];
  auto located = co_await from.files.locate(path, from.timeout);
  if (!located.ok()) co_return remote::about(path, located.error());
  CO_ASSIGN_OR_RETURN(node::Inode inode, node::decode_record<node::Inode>(located->inode));
  CO_ASSIGN_OR_RETURN(Where place, co_await partition_at(from, located->place));
  out.put("path", path);
  show_partition(place, out);
  if (inode.manifest) co_return co_await show_extents(from, std::move(*inode.manifest), out);
  out.put("inline", true);
  if (inode.type == node::FileType::directory) {
    out.text("a directory: its entries are records of the partition\n");
  } else {
    out.text(std::to_string(inode.size) + " bytes live with the name, in the partition\n");
  }
  co_return Status();
}

}  // namespace

cli::Command where_command() {
  cli::Command command;
  command.name = "where";
  command.group = "seeing";
  command.arguments = "PATH";
  command.arguments_min = command.arguments_max = 1;
  command.summary = "where a file is: its partition, its chunks, who holds them and who should";
  command.run = remote::with_cluster(where);
  return command;
}

}  // namespace vortex
