#include "node/views/views.h"

#include <algorithm>

#include "net/typed_handlers.h"
#include "node/ask_members.h"

namespace vortex::node {

namespace {
// In both halves of a change that is under way: until it is decided the group can miss nobody of those before it.
bool votes(const dht::raft::Configuration& decided, const dht::raft::Replica& replica) {
  auto in = [&replica](const std::vector<dht::raft::Replica>& list) { return std::ranges::count(list, replica) > 0; };
  return in(decided.voters) && (!decided.joint() || in(decided.outgoing));
}
}  // namespace

Views::Views(Env& env, dht::Membership& membership, Metadata& metadata, ChunkStore& chunks, RecordsBook& book,
             std::string version)
    : env_(env),
      membership_(membership),
      metadata_(metadata),
      chunks_(chunks),
      book_(book),
      version_(std::move(version)),
      started_(env.now()) {}

net::ListMembersResponse Views::members() const {
  net::ListMembersResponse response;
  response.cluster = membership_.cluster();
  response.settings = membership_.settings();
  const dht::Directory& directory = membership_.directory();
  directory.for_each([&](const dht::Member& member) {
    if (!dht::belongs(member.standing)) return;
    response.members.push_back(member);
    if (directory.lost(member.id)) response.lost.push_back(member.id);
  });
  return response;
}

net::NodeReport Views::report() const {
  net::NodeReport report;
  report.id = membership_.id();
  report.version = version_;
  report.uptime_s = static_cast<std::uint64_t>(to_seconds(env_.now() - started_));
  if (auto self = membership_.directory().find(membership_.id())) report.capacity = self->capacity;
  wal::values::ValueStoreStats stats = chunks_.stats();
  report.used = stats.live_bytes;
  report.disk_available = stats.disk_available;
  report.chunks = stats.values;
  report.chunks_damaged = stats.damaged;
  for (dht::groups::GroupId group : metadata_.host().groups()) {
    auto view = metadata_.host().view(group);
    if (!view) continue;
    ++report.groups;
    if (view->role == dht::raft::Role::leader) ++report.leads;
    report.metadata_bytes += view->state_bytes;
  }
  return report;
}

net::ReportPartitionsResponse Views::partitions() const {
  net::ReportPartitionsResponse response;
  response.partitions_total = membership_.settings().partitions;
  dht::groups::Host& host = metadata_.host();
  for (dht::groups::GroupId group : host.groups()) {
    auto view = host.view(group);
    if (!view || view->role != dht::raft::Role::leader) continue;
    net::PartitionReport& report = response.partitions.emplace_back();
    report.id = group;
    report.leader = membership_.id();
    report.term = view->term;
    report.applied = view->applied;
    report.bytes = view->state_bytes;
    for (const dht::raft::Replica& replica : view->configuration.members()) {
      net::PartitionReplica& member = report.members.emplace_back();
      member.node = replica.node;
      member.voter = votes(view->decided, replica);
      report.lag = std::max(report.lag, host.lag_of(group, replica).value_or(0));
    }
    const auto* machine = static_cast<const dht::PartitionMachine*>(host.machine(group));
    if (machine) report.records = machine->state().records().size();
  }
  return response;
}

Task<Result<net::ReportNodesResponse>> Views::nodes_everywhere(Instant deadline) {
  net::ReportNodesResponse all;
  all.nodes.push_back(report());
  net::ReportNodesRequest request;
  auto take = [&all](net::ReportNodesResponse response) {
    std::ranges::move(response.nodes, std::back_inserter(all.nodes));
  };
  co_await ask_members<net::ReportNodes>(env_, membership_, request, deadline, take);
  co_return all;
}

Task<Result<net::ReportPartitionsResponse>> Views::partitions_everywhere(Instant deadline) {
  net::ReportPartitionsResponse all = partitions();
  net::ReportPartitionsRequest request;
  auto take = [&all](net::ReportPartitionsResponse response) {
    std::ranges::move(response.partitions, std::back_inserter(all.partitions));
  };
  co_await ask_members<net::ReportPartitions>(env_, membership_, request, deadline, take);
  // Of two nodes that take themselves for the leader, the one with the later term is right.
  auto earlier = [](const net::PartitionReport& a, const net::PartitionReport& b) {
    return a.id != b.id ? a.id < b.id : a.term > b.term;
  };
  auto same = [](const net::PartitionReport& a, const net::PartitionReport& b) { return a.id == b.id; };
  std::ranges::sort(all.partitions, earlier);
  all.partitions.erase(std::unique(all.partitions.begin(), all.partitions.end(), same), all.partitions.end());
  co_return all;
}

void Views::serve(net::Dispatcher& dispatcher) {
  serve_views(dispatcher);
  serve_administration(dispatcher);
  serve_deep(dispatcher);
}

void Views::serve_views(net::Dispatcher& dispatcher) {
  dispatcher.on<net::ListMembers>(
      [this](net::Context&, net::ListMembersRequest&) -> Result<net::ListMembersResponse> { return members(); });
  auto nodes = [](Views* self, net::Context context,
                  net::ReportNodesRequest request) -> Task<Result<net::ReportNodesResponse>> {
    if (request.everywhere) co_return co_await self->nodes_everywhere(context.deadline);
    net::ReportNodesResponse response;
    response.nodes.push_back(self->report());
    co_return response;
  };
  dispatcher.on<net::ReportNodes>([this, nodes](net::Context context, net::ReportNodesRequest request) {
    return nodes(this, std::move(context), std::move(request));
  });
  auto all_partitions = [](Views* self, net::Context context,
                           net::ReportPartitionsRequest request) -> Task<Result<net::ReportPartitionsResponse>> {
    if (request.everywhere) co_return co_await self->partitions_everywhere(context.deadline);
    co_return self->partitions();
  };
  dispatcher.on<net::ReportPartitions>(
      [this, all_partitions](net::Context context, net::ReportPartitionsRequest request) {
        return all_partitions(this, std::move(context), std::move(request));
      });
}

}  // namespace vortex::node
