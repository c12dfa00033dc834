#include "dht/records_client/records_server.h"

#include "dht/partition/limits.h"
#include "dht/records_client/names.h"
#include "net/typed_handlers.h"

namespace vortex::dht {

namespace {

// A value that moved while it was read is looked up again.
constexpr int kReadTries = 4;
constexpr std::uint32_t kPlacesMax = 4096;  // of one answer

bool writes_values(const Command& command) {
  for (const Write& write : command.batch.writes)
    if (write.value) return true;
  return false;
}

bool led_elsewhere(const Error& error) { return error.is(Code::not_leader) || error.is(Code::not_found); }

}  // namespace

RecordsServer::RecordsServer(Env& env, groups::Host& host, PartitionMachines& machines, PartitionTable& table,
                             AddressOf address_of)
    : env_(env),
      host_(host),
      machines_(machines),
      table_(table),
      address_of_(std::move(address_of)),
      gets_(env.metrics().counter("records_gets_total", "requests for a record")),
      scans_(env.metrics().counter("records_scans_total", "requests for a page of records")),
      scanned_(env.metrics().counter("records_scanned_total", "records in pages")),
      commands_(env.metrics().counter("records_commands_total", "commands for partitions")),
      redirects_(env.metrics().counter("records_redirects_total", "requests that were sent on to whoever leads")),
      full_(env.metrics().counter("records_metadata_full_total", "writes refused since the metadata is full")) {}

PartitionMachine* RecordsServer::machine(PartitionNumber partition) {
  return static_cast<PartitionMachine*>(host_.machine(partition));
}

std::optional<net::PartitionPlace> RecordsServer::place_here(PartitionNumber partition) {
  auto view = host_.view(partition);
  if (!view || view->damaged) return std::nullopt;
  net::PartitionPlace place;
  place.partition = partition;
  place.group_epoch = view->group_epoch;
  place.term = view->term;
  place.commit = view->commit;
  place.leader = view->leader;
  for (const raft::Replica& replica : view->configuration.members()) {
    net::PartitionMember member;
    member.id = replica.node;
    member.voter = view->configuration.is_voter(replica);
    if (auto address = address_of_(replica.node)) member.address = std::move(*address);
    place.members.push_back(std::move(member));
  }
  return place;
}

std::optional<net::PartitionPlace> RecordsServer::place_of(PartitionNumber partition) {
  if (auto here = place_here(partition)) table_.learn(*here);
  const net::PartitionPlace* known = table_.find(partition);
  return known ? std::optional<net::PartitionPlace>(*known) : std::nullopt;
}

std::vector<net::PartitionPlace> RecordsServer::led_here() {
  std::vector<net::PartitionPlace> led;
  for (groups::GroupId group : host_.groups()) {
    auto view = host_.view(group);
    if (!view) continue;
    auto place = place_of(group);
    if (place && view->role == raft::Role::leader) led.push_back(std::move(*place));
  }
  return led;
}

net::PartitionPlace RecordsServer::elsewhere(PartitionNumber partition) {
  redirects_.add();
  net::PartitionPlace nowhere;
  nowhere.partition = partition;
  return place_of(partition).value_or(std::move(nowhere));
}

Task<Result<net::GetRecordResponse>> RecordsServer::serve(net::GetRecordRequest request, Instant deadline) {
  const PartitionNumber partition = request.partition;
  gets_.add();
  Key key;
  key.place = request.place;
  key.name = std::move(request.name);
  net::GetRecordResponse response;
  for (int tries = 0; tries < kReadTries; ++tries) {
    if (!host_.may_read_now(partition)) {
      Status current = co_await host_.read_barrier(partition, deadline);
      if (!current.ok() && !led_elsewhere(current.error())) co_return current.error();
      if (!current.ok() || !machine(partition)) {
        response.elsewhere = elsewhere(partition);
        co_return response;
      }
    }
    PartitionMachine& from = *machine(partition);
    Seen seen = from.state().get(key);
    if (seen.writer) response.writer = to_name(*seen.writer);
    if (!seen.record) co_return response;
    if (!seen.record->elsewhere()) {
      response.version = seen.record->version();
      response.value = to_vector(seen.record->value());
      co_return response;
    }
    auto value = co_await from.value(seen.record);
    if (value.ok()) {
      response.version = seen.record->version();
      response.value = std::move(*value);
      co_return response;
    }
    if (!value.is(Code::not_found)) co_return std::move(value).error();
    response = net::GetRecordResponse();
  }
  co_return Code::busy;
}

Task<Result<net::ScanRecordsResponse>> RecordsServer::serve(net::ScanRecordsRequest request, Instant deadline) {
  const PartitionNumber partition = request.partition;
  scans_.add();
  ScanLimits limits;
  limits.records = request.records_max;
  limits.bytes = request.bytes_max;
  for (int tries = 0; tries < kReadTries; ++tries) {
    net::ScanRecordsResponse response;
    if (!host_.may_read_now(partition)) {
      Status current = co_await host_.read_barrier(partition, deadline);
      if (!current.ok() && !led_elsewhere(current.error())) co_return current.error();
      if (!current.ok() || !machine(partition)) {
        response.elsewhere = elsewhere(partition);
        co_return response;
      }
    }
    const PartitionMachine* const source = machine(partition);
    SeenPage page = source->state().scan(request.place, request.from, request.end, limits);
    response.records.reserve(page.records.size());
    bool moved = false;
    for (const PackedRecordPtr& record : page.records) {
      net::ScannedRecord& scanned = response.records.emplace_back();
      scanned.version = record->version();
      scanned.name = to_vector(record->key().name);
      if (!record->elsewhere()) {
        scanned.value = to_vector(record->value());
        continue;
      }
      // After every wait the replica may be gone, or have another state whose values lie elsewhere.
      PartitionMachine* from = machine(partition);
      if (!from || from != source) {
        moved = true;
        break;
      }
      auto value = co_await from->value(record);
      if (!value.ok() && !value.is(Code::not_found)) co_return std::move(value).error();
      moved = !value.ok();
      if (moved) break;
      scanned.value = std::move(*value);
    }
    if (moved) continue;
    scanned_.add(response.records.size());
    response.next = std::move(page.next);
    for (const TransactionId& writer : page.writers) response.writers.push_back(to_name(writer));
    co_return response;
  }
  co_return Code::busy;
}

Task<Result<net::ApplyCommandResponse>> RecordsServer::serve(net::ApplyCommandRequest request, Instant deadline) {
  const PartitionNumber partition = request.partition;
  {
    CO_ASSIGN_OR_RETURN(Command command, decode_command(request.command));
    CO_RETURN_IF_ERROR(validate(command));
    commands_.add();
    if (machines_.full() && writes_values(command)) {
      full_.add();
      co_return Code::metadata_full;
    }
  }
  net::ApplyCommandResponse response;
  auto proposed = co_await host_.propose(partition, std::move(request.command), deadline);
  if (!proposed.ok()) {
    if (!led_elsewhere(proposed.error())) co_return std::move(proposed).error();
    response.elsewhere = elsewhere(partition);
    co_return response;
  }
  CO_ASSIGN_OR_RETURN(Answer answer, decode<Answer>(*proposed));
  if (answer.found_elsewhere) {
    CO_ASSIGN_OR_RETURN(answer.outcome, co_await outcome_of(partition, std::move(answer)));
  }
  response.outcome = encode(answer.outcome);
  co_return response;
}

Task<Result<Outcome>> RecordsServer::outcome_of(PartitionNumber partition, Answer answer) {
  CO_ASSIGN_OR_RETURN(Whereabouts whereabouts, decode<Whereabouts>(answer.outcome.found->value));
  PartitionMachine* from = machine(partition);
  Result<ByteVector> value = Code::not_found;
  if (from) value = co_await from->value_at(whereabouts);
  if (value.ok()) {
    answer.outcome.found->value = std::move(*value);
    co_return std::move(answer.outcome);
  }
  // What was found is gone meanwhile. The operation was refused, so it may be asked for anew.
  Outcome again;
  again.kind = OutcomeKind::ended;
  co_return again;
}

Task<Result<net::AskTransactionResponse>> RecordsServer::serve(net::AskTransactionRequest request, Instant deadline) {
  const PartitionNumber home = request.transaction.home;
  net::AskTransactionResponse response;
  if (!host_.may_read_now(home)) {
    Status current = co_await host_.read_barrier(home, deadline);
    if (!current.ok() && !led_elsewhere(current.error())) co_return current.error();
    if (!current.ok() || !machine(home)) {
      response.elsewhere = elsewhere(home);
      co_return response;
    }
  }
  response.state = static_cast<std::uint8_t>(machine(home)->state().state_of(from_name(request.transaction)));
  co_return response;
}

net::FindPartitionsResponse RecordsServer::find(const net::FindPartitionsRequest& request) {
  net::FindPartitionsResponse response;
  response.partitions_total = table_.partitions();
  if (request.partitions.empty()) {
    for (groups::GroupId group : host_.groups()) (void)place_of(group);
    response.places = table_.all();
  }
  for (std::uint32_t partition : request.partitions)
    if (auto place = place_of(partition)) response.places.push_back(std::move(*place));
  if (response.places.size() > kPlacesMax) response.places.resize(kPlacesMax);
  return response;
}

void RecordsServer::serve_records(net::Dispatcher& dispatcher) {
  dispatcher.on<net::GetRecord>([this](net::Context context, net::GetRecordRequest request) {
    return serve(std::move(request), context.deadline);
  });
  dispatcher.on<net::ScanRecords>([this](net::Context context, net::ScanRecordsRequest request) {
    return serve(std::move(request), context.deadline);
  });
  dispatcher.on<net::ApplyCommand>([this](net::Context context, net::ApplyCommandRequest request) {
    return serve(std::move(request), context.deadline);
  });
  dispatcher.on<net::AskTransaction>([this](net::Context context, net::AskTransactionRequest request) {
    return serve(std::move(request), context.deadline);
  });
  dispatcher.on<net::FindPartitions>([this](net::Context&, net::FindPartitionsRequest& request) {
    return Result<net::FindPartitionsResponse>(find(request));
  });
  dispatcher.on<net::TellPartitions>([this](net::Context&, net::TellPartitionsRequest& request) {
    for (const net::PartitionPlace& place : request.places)
      if (table_.learn(place) && on_told_) on_told_(place.partition);
    return Result<net::TellPartitionsResponse>(net::TellPartitionsResponse());
  });
}

}  // namespace vortex::dht
