#include "dht/records_client/remote_port.h"

#include <algorithm>

#include "dht/records_client/names.h"

namespace vortex::dht {

namespace {

// Nodes that one look asks where a partition is.
constexpr std::size_t kAskedMax = 4;

}  // namespace

std::vector<net::Target> RemotePort::some_nodes() {
  std::vector<net::Target> nodes = anybody_();
  for (std::size_t i = 0; i + 1 < nodes.size() && i < kAskedMax; ++i)
    std::swap(nodes[i], nodes[i + env_.random().below(nodes.size() - i)]);
  if (nodes.size() > kAskedMax) nodes.resize(kAskedMax);
  return nodes;
}

Task<Status> RemotePort::ask_where(net::Target target, std::vector<std::uint32_t> partitions, Instant deadline) {
  net::FindPartitionsRequest request;
  request.partitions = std::move(partitions);
  const net::CallOptions options(std::min(options_.attempt, deadline - env_.now()));
  auto reply = co_await peers_.call<net::FindPartitions>(std::move(target), std::move(request), options);
  if (!reply.ok()) co_return reply.error();
  if (!table_.set_partitions(reply->response.partitions_total))
    co_return Error(Code::wrong_cluster, "it cuts its keys into another number of partitions");
  for (const net::PartitionPlace& place : reply->response.places) table_.learn(place);
  co_return Status();
}

Task<Status> RemotePort::find_partitions(Instant deadline) {
  Status status = Code::unreachable;
  for (net::Target& node : some_nodes()) {
    if (table_.partitions() != 0) co_return Status();
    status = co_await ask_where(std::move(node), std::vector<std::uint32_t>(), deadline);
    if (status.is(Code::cancelled)) co_return status;
  }
  if (table_.partitions() != 0) co_return Status();
  co_return status;
}

Task<Status> RemotePort::look_for(PartitionNumber partition, Instant deadline) {
  std::vector<net::Target> nodes;
  if (lookup_) {
    auto near = co_await lookup_->closest(partition_id(partition, table_.partitions()), kAskedMax, deadline);
    if (near.is(Code::cancelled)) co_return near.error();
    if (near.ok()) nodes = std::move(*near);
  }
  for (net::Target& node : some_nodes()) nodes.push_back(std::move(node));
  for (net::Target& node : nodes) {
    if (table_.find(partition)) co_return Status();
    if (env_.now() >= deadline) break;
    std::vector<std::uint32_t> wanted(1, partition);
    Status asked = co_await ask_where(std::move(node), std::move(wanted), deadline);
    if (asked.is(Code::cancelled)) co_return asked;
  }
  if (table_.find(partition)) co_return Status();
  co_return Error(Code::unreachable, "nobody knows where partition " + std::to_string(partition) + " is");
}

Task<Result<net::Target>> RemotePort::next_member(PartitionNumber partition, const std::vector<NodeId>& asked,
                                                  Instant deadline) {
  if (!table_.find(partition)) CO_RETURN_IF_ERROR(co_await look_for(partition, deadline));
  for (net::Target& target : table_.targets(partition, address_of_))
    if (std::find(asked.begin(), asked.end(), target.id) == asked.end()) co_return std::move(target);
  co_return Error(Code::not_leader, "nobody leads partition " + std::to_string(partition) + " now");
}

template <class Method>
Task<Result<typename Method::Response>> RemotePort::ask_one(net::Target target, typename Method::Request request,
                                                            Instant until) {
  if (local_ && target.id == self_) co_return co_await local_->serve(std::move(request), until);
  auto channel = co_await peers_.channel(std::move(target), net::purpose_of(Method::kInfo), until);
  if (channel.is(Code::cancelled)) co_return Code::cancelled;
  // Whatever the reason, nothing was sent.
  if (!channel.ok()) co_return Error(Code::unreachable, channel.error().to_string());
  const net::CallOptions options(until - env_.now());
  auto reply = co_await (*channel)->template call<Method>(std::move(request), options);
  if (!reply.ok()) co_return std::move(reply).error();
  co_return std::move(reply->response);
}

template <class Method>
Task<Result<typename Method::Response>> RemotePort::ask(PartitionNumber partition, typename Method::Request request,
                                                        Instant deadline) {
  std::vector<NodeId> asked;
  bool anybody_answered = false;
  Error last(Code::unreachable);
  while (asked.size() < options_.hops_max) {
    auto target = co_await next_member(partition, asked, deadline);
    if (!target.ok()) {
      if (target.is(Code::cancelled) || asked.empty()) co_return std::move(target).error();
      break;
    }
    if (env_.now() >= deadline) break;
    const NodeId node = target->id;
    const Instant until = std::min(deadline, env_.now() + options_.attempt);
    auto response = co_await ask_one<Method>(std::move(*target), request, until);
    asked.push_back(node);
    if (!response.ok()) {
      last = std::move(response).error();
      if (last.is(Code::busy)) co_return last;
      if (passing(last.code())) table_.doubt(partition, node);
      // What may have happened is for the caller to judge.
      if (!passing(last.code()) || !(Method::kInfo.idempotent || nothing_happened(last.code()))) co_return last;
      continue;
    }
    anybody_answered = true;
    if (!response->elsewhere) {
      table_.confirm(partition, node);
      co_return std::move(*response);
    }
    last = Error(Code::not_leader);
    table_.learn(*response->elsewhere);
  }
  // Members that are all gone may have been followed by others.
  if (!anybody_answered) table_.forget(partition);
  co_return last;
}

Task<Result<GetAnswer>> RemotePort::get(PartitionNumber partition, Key key, Instant deadline) {
  net::GetRecordRequest request;
  request.partition = partition;
  request.place = key.place;
  request.name = key.name;
  CO_ASSIGN_OR_RETURN(auto response, co_await ask<net::GetRecord>(partition, std::move(request), deadline));
  GetAnswer answer;
  if (response.version != 0) {
    Record& record = answer.record.emplace();
    record.key = std::move(key);
    record.version = response.version;
    record.value = std::move(response.value);
  }
  if (response.writer) answer.writer = from_name(*response.writer);
  co_return answer;
}

Task<Result<ScanAnswer>> RemotePort::scan(PartitionNumber partition, Id place, ByteVector from, ByteVector end,
                                          ScanLimits limits, Instant deadline) {
  net::ScanRecordsRequest request;
  request.partition = partition;
  request.place = place;
  request.from = std::move(from);
  request.end = std::move(end);
  request.records_max = limits.records;
  request.bytes_max = limits.bytes;
  CO_ASSIGN_OR_RETURN(auto response, co_await ask<net::ScanRecords>(partition, std::move(request), deadline));
  ScanAnswer answer;
  answer.page.records.reserve(response.records.size());
  for (net::ScannedRecord& scanned : response.records) {
    Record& record = answer.page.records.emplace_back();
    record.key.place = place;
    record.key.name = std::move(scanned.name);
    record.version = scanned.version;
    record.value = std::move(scanned.value);
  }
  answer.page.next = std::move(response.next);
  for (const net::TransactionName& name : response.writers) answer.writers.push_back(from_name(name));
  co_return answer;
}

Task<Result<Outcome>> RemotePort::apply(PartitionNumber partition, const Command& command, Instant deadline) {
  net::ApplyCommandRequest request;
  request.partition = partition;
  request.command = encode_command(command);
  CO_ASSIGN_OR_RETURN(auto response, co_await ask<net::ApplyCommand>(partition, std::move(request), deadline));
  auto outcome = decode<Outcome>(response.outcome);
  if (!outcome.ok()) co_return Error(Code::outcome_unknown, "the outcome makes no sense");
  co_return std::move(*outcome);
}

Task<Result<TransactionState>> RemotePort::state_of(TransactionId transaction, Instant deadline) {
  net::AskTransactionRequest request;
  request.transaction = to_name(transaction);
  CO_ASSIGN_OR_RETURN(auto response, co_await ask<net::AskTransaction>(transaction.home, request, deadline));
  if (response.state > static_cast<std::uint8_t>(max_enum_value(TransactionState())))
    co_return Error(Code::bad_message, "a transaction in no known state");
  co_return static_cast<TransactionState>(response.state);
}

}  // namespace vortex::dht
