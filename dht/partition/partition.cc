#include "dht/partition/partition.h"

#include <algorithm>

#include "dht/partition/limits.h"

namespace vortex::dht {

namespace {

// What a record takes in a page beside its name and value.
constexpr std::size_t kRecordBytes = sizeof(Id) + 2 * sizeof(std::uint32_t) + sizeof(Version);

Applied applied(OutcomeKind kind, Version version = 0) {
  Applied result;
  result.outcome.kind = kind;
  result.outcome.version = version;
  return result;
}

}  // namespace

Applied Partition::apply(Version index, Command command) {
  switch (command.kind) {
    case CommandKind::open_session:
      return open_session(index);
    case CommandKind::close_session:
      return close_session(command.operation.session);
    case CommandKind::batch:
      return batch(index, command);
    case CommandKind::prepare:
      return prepare(index, command);
    case CommandKind::decide:
      return decide(command);
    case CommandKind::resolve:
      return resolve(command);
    case CommandKind::finish:
      return finish(command);
  }
  return applied(OutcomeKind::invalid);
}

Applied Partition::open_session(Version index) {
  for (std::uint64_t gone : sessions_.open(index)) release(gone, UINT64_MAX);
  return applied(OutcomeKind::done, index);
}

Applied Partition::close_session(std::uint64_t session) {
  if (sessions_.close(session)) release(session, UINT64_MAX);
  return applied(OutcomeKind::done);
}

std::optional<Applied> Partition::answered_before(const Command& command) {
  const Sessions::Look look = sessions_.look(command.operation, command.acknowledged);
  if (look.seen != Sessions::Seen::forgotten)
    release(command.operation.session, sessions_.acknowledged(command.operation.session));
  switch (look.seen) {
    case Sessions::Seen::fresh:
      return std::nullopt;
    case Sessions::Seen::done:
      return applied(OutcomeKind::done, look.version);
    case Sessions::Seen::ended:
      return applied(OutcomeKind::ended);
    case Sessions::Seen::beyond:
      return applied(OutcomeKind::busy);
    case Sessions::Seen::forgotten:
      break;
  }
  return applied(OutcomeKind::forgotten);
}

Applied Partition::batch(Version index, const Command& command) {
  if (auto before = answered_before(command)) return std::move(*before);
  if (auto hindered = hindrance(command.batch, TransactionId())) {
    // One that is blocked may be tried again under its number; one that was refused has had its answer.
    if (hindered->outcome.kind == OutcomeKind::refused) sessions_.remember(command.operation, 0);
    return std::move(*hindered);
  }
  write(index, command.batch.writes);
  sessions_.remember(command.operation, index);
  return applied(OutcomeKind::done, index);
}

Applied Partition::prepare(Version index, Command& command) {
  if (auto before = answered_before(command)) return std::move(*before);
  const bool home = command.transaction.home == number_;
  if (home && command.transaction.operation != command.operation) return applied(OutcomeKind::invalid);
  if (intents_.holds(command.transaction)) return applied(OutcomeKind::invalid);
  if (intents_.size() >= kTransactionsMax || (home && decisions_.size() >= kTransactionsMax))
    return applied(OutcomeKind::busy);
  if (auto hindered = hindrance(command.batch, command.transaction)) {
    if (hindered->outcome.kind == OutcomeKind::refused) sessions_.remember(command.operation, 0);
    return std::move(*hindered);
  }
  Intents::Prepared prepared;
  prepared.version = index;
  prepared.batch = std::move(command.batch);
  intents_.add(command.transaction, std::move(prepared));
  if (home) decisions_.begin(command.operation, std::move(command.participants));
  sessions_.remember(command.operation, index);
  return applied(OutcomeKind::done, index);
}

Applied Partition::decide(const Command& command) {
  const TransactionId& transaction = command.transaction;
  if (transaction.home != number_) return applied(OutcomeKind::invalid);
  Applied result = applied(OutcomeKind::settled);
  result.outcome.state = decisions_.decide(transaction.operation, command.commit);
  if (result.outcome.state != TransactionState::absent) {
    result.outcome.participants = decisions_.find(transaction.operation)->participants;
    resolve_here(transaction, result.outcome.state == TransactionState::committed);
  }
  return result;
}

Applied Partition::resolve(const Command& command) {
  // At home only the record decides.
  if (command.transaction.home == number_) return applied(OutcomeKind::invalid);
  resolve_here(command.transaction, command.commit);
  return applied(OutcomeKind::done);
}

Applied Partition::finish(const Command& command) {
  const OperationId operation = command.transaction.operation;
  if (command.transaction.home != number_) return applied(OutcomeKind::invalid);
  decisions_.finish(operation);
  release(operation.session,
          sessions_.known(operation.session) ? sessions_.acknowledged(operation.session) : UINT64_MAX);
  return applied(OutcomeKind::done);
}

std::optional<Applied> Partition::hindrance(const Batch& batch, const TransactionId& own) {
  std::vector<TransactionId> blockers = intents_.blocking(batch, own);
  if (!blockers.empty()) {
    Applied result = applied(OutcomeKind::blocked);
    result.outcome.transactions = std::move(blockers);
    return result;
  }
  for (std::size_t i = 0; i < batch.conditions.size(); ++i) {
    bool met = false;
    const PackedRecord* found = unmet(batch.conditions[i], met);
    if (met) continue;
    Applied result = applied(OutcomeKind::refused);
    result.outcome.failed = static_cast<std::uint32_t>(i);
    result.found = PackedRecordPtr(found);
    return result;
  }
  return std::nullopt;
}

const PackedRecord* Partition::unmet(const Condition& condition, bool& met) const {
  if (condition.must != Must::range_empty) {
    const PackedRecord* record = records_.find(condition.key);
    const Version version = record ? record->version() : 0;
    met = condition.must == Must::exist ? record != nullptr : version == condition.version;
    return record;
  }
  const PackedRecord* first = nullptr;
  auto look = [&first, &condition](const PackedRecord& record) {
    const KeyView key = record.key();
    const bool beyond = !condition.end.empty() && compare(key, KeyView(condition.key.place, condition.end)) >= 0;
    if (key.place == condition.key.place && !beyond) first = &record;
    return false;
  };
  records_.visit(condition.key, look);
  met = first == nullptr;
  return first;
}

void Partition::write(Version version, const std::vector<Write>& writes) {
  for (const Write& change : writes) {
    if (change.value) {
      records_.put(PackedRecord::make(change.key, version, *change.value, false));
    } else {
      records_.erase(change.key);
    }
  }
}

void Partition::resolve_here(const TransactionId& transaction, bool commit) {
  std::optional<Intents::Prepared> prepared = intents_.take(transaction);
  if (prepared && commit) write(prepared->version, prepared->batch.writes);
}

void Partition::release(std::uint64_t session, std::uint64_t below) {
  for (const OperationId& operation : decisions_.release(session, below)) {
    TransactionId transaction;
    transaction.home = number_;
    transaction.operation = operation;
    resolve_here(transaction, false);
  }
}

Seen Partition::get(const Key& key) const {
  Seen seen;
  seen.record = PackedRecordPtr(records_.find(key));
  seen.writer = intents_.writer(key);
  if (seen.writer && seen.writer->home == number_) seen.writer.reset();
  return seen;
}

SeenPage Partition::scan(const Id& place, const ByteVector& from, const ByteVector& end, ScanLimits limits) const {
  SeenPage page;
  const std::size_t records_max = std::clamp<std::size_t>(limits.records, 1, kPageRecordsMax);
  const std::size_t bytes_max = std::min<std::size_t>(limits.bytes, kPageBytesMax);
  std::size_t bytes = 0;
  auto take = [&](const PackedRecord& record) {
    const KeyView key = record.key();
    if (key.place != place) return false;
    if (!end.empty() && compare(key, KeyView(place, end)) >= 0) return false;
    if (page.records.size() >= records_max || (!page.records.empty() && bytes >= bytes_max)) {
      page.next = to_vector(key.name);
      return false;
    }
    page.records.emplace_back(&record);
    bytes += record.size() + key.name.size() + kRecordBytes;
    return true;
  };
  records_.visit(KeyView(place, from), take);
  intents_.writers(place, from, page.next.empty() ? end : page.next, page.writers);
  std::erase_if(page.writers, [this](const TransactionId& writer) { return writer.home == number_; });
  return page;
}

TransactionState Partition::state_of(const TransactionId& transaction) const {
  const Decisions::Decision* decision = decisions_.find(transaction.operation);
  return decision && transaction.home == number_ ? decision->state : TransactionState::absent;
}

bool Partition::move_value(const KeyView& key, Version version, ByteView whereabouts) {
  const PackedRecord* record = records_.find(key);
  if (!record || record->version() != version) return false;
  records_.put(PackedRecord::make(key, version, whereabouts, true));
  return true;
}

std::size_t Partition::footprint() const {
  return records_.footprint() + sessions_.footprint() + intents_.footprint() + decisions_.size() * 256;
}

void Partition::encode_tables(Encoder& out) const {
  sessions_.encode(out);
  decisions_.encode(out);
  out.put(static_cast<std::uint32_t>(intents_.size()));
  for (const auto& [transaction, prepared] : intents_.prepared()) {
    out.put(transaction);
    out.put(prepared);
  }
}

bool Partition::decode_tables(Decoder& in) {
  if (!sessions_.decode(in) || !decisions_.decode(in)) return false;
  std::uint32_t count = 0;
  in.get(count);
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    TransactionId transaction;
    Intents::Prepared prepared;
    in(transaction, prepared);
    if (!in.ok() || intents_.holds(transaction) || !validate(prepared.batch).ok()) return false;
    intents_.add(transaction, std::move(prepared));
  }
  return in.ok();
}

bool Partition::restore_record(const KeyView& key, Version version, ByteView value, bool elsewhere) {
  if (key.name.size() > kRecordNameMax || value.size() > kRecordValueMax || version == 0) return false;
  records_.put(PackedRecord::make(key, version, value, elsewhere));
  return true;
}

}  // namespace vortex::dht
