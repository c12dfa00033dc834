#include "tests/support/local_port.h"

namespace vortex::dht {

namespace {

Record read_packed(const PackedRecord& packed) {
  Record record;
  record.key = packed.key().copy();
  record.version = packed.version();
  record.value = to_vector(packed.value());
  return record;
}

}  // namespace

Outcome LocalNetwork::apply(PartitionNumber partition, Command command) {
  Applied applied = partitions_.apply(partition, std::move(command));
  if (applied.found) applied.outcome.found = read_packed(*applied.found);
  return std::move(applied.outcome);
}

void LocalNetwork::apply_later(PartitionNumber partition, Command command, Duration delay) {
  auto arrive = [this, partition, late = std::move(command)] { (void)apply(partition, late); };
  after_(delay, UniqueFunction<void()>(std::move(arrive)));
}

Duration LocalPort::draw(Duration max) {
  return Duration(env_.random().below(static_cast<std::uint64_t>(max.count()) + 1));
}

Task<Status> LocalPort::travel() {
  if (env_.random().chance(options_.refused)) co_return Code::unreachable;
  if (options_.delay_max > Duration(0)) CO_RETURN_IF_ERROR(co_await sleep_for(env_, draw(options_.delay_max)));
  co_return Status();
}

Task<Result<GetAnswer>> LocalPort::get(PartitionNumber partition, Key key, Instant) {
  CO_RETURN_IF_ERROR(co_await travel());
  Seen seen = network_.partitions().partition(partition).get(key);
  GetAnswer answer;
  if (seen.record) answer.record = read_packed(*seen.record);
  answer.writer = seen.writer;
  CO_RETURN_IF_ERROR(co_await travel());
  co_return answer;
}

Task<Result<ScanAnswer>> LocalPort::scan(PartitionNumber partition, Id place, ByteVector from, ByteVector end,
                                         ScanLimits limits, Instant) {
  CO_RETURN_IF_ERROR(co_await travel());
  SeenPage page = network_.partitions().partition(partition).scan(place, from, end, limits);
  ScanAnswer answer;
  for (const PackedRecordPtr& record : page.records) answer.page.records.push_back(read_packed(*record));
  answer.page.next = std::move(page.next);
  answer.writers = std::move(page.writers);
  CO_RETURN_IF_ERROR(co_await travel());
  co_return answer;
}

Task<Result<Outcome>> LocalPort::apply(PartitionNumber partition, const Command& command, Instant) {
  ++commands_;
  CO_RETURN_IF_ERROR(co_await travel());
  Random& random = env_.random();
  if (random.chance(options_.late)) {
    network_.apply_later(partition, command, draw(options_.late_max));
    CO_RETURN_IF_ERROR(co_await sleep_for(env_, options_.delay_max));
    co_return Code::outcome_unknown;
  }
  if (random.chance(options_.doubled)) network_.apply_later(partition, command, draw(options_.late_max));
  Outcome outcome = network_.apply(partition, command);
  if (options_.delay_max > Duration(0)) CO_RETURN_IF_ERROR(co_await sleep_for(env_, draw(options_.delay_max)));
  if (random.chance(options_.answer_lost)) co_return Code::outcome_unknown;
  co_return outcome;
}

Task<Result<TransactionState>> LocalPort::state_of(TransactionId transaction, Instant) {
  CO_RETURN_IF_ERROR(co_await travel());
  TransactionState state = network_.partitions().partition(transaction.home).state_of(transaction);
  CO_RETURN_IF_ERROR(co_await travel());
  co_return state;
}

}  // namespace vortex::dht
