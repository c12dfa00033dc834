#include "dht/partition/machine.h"

#include "base/log.h"
#include "base/yield.h"
#include "dht/partition/frozen.h"

namespace vortex::dht {

PartitionMachine::PartitionMachine(PartitionMachines& machines, PartitionNumber number, std::string directory)
    : machines_(machines),
      state_(number),
      values_(machines.env_, machines.open_, std::move(directory)),
      tasks_(machines.env_.loop()) {
  account();
}

PartitionMachine::~PartitionMachine() {
  machines_.memory_ -= memory_;
  machines_.memory_gauge_.set(machines_.memory_);
}

void PartitionMachine::account() {
  const std::size_t now = state_.footprint();
  machines_.memory_ += now - memory_;
  machines_.memory_gauge_.set(machines_.memory_);
  memory_ = now;
}

ByteVector PartitionMachine::apply(groups::Index index, ByteView command) {
  auto decoded = decode_command(command);
  if (!decoded.ok()) {
    // Whoever proposed it has checked it; a replica that skipped it would be another state from here on.
    machines_.env_.fail_stop("partition " + std::to_string(state_.number()) + ", entry " + std::to_string(index) +
                             ": " + decoded.error().to_string());
    return ByteVector();
  }
  Applied applied = state_.apply(index, std::move(*decoded));
  account();
  Answer answer;
  answer.outcome = std::move(applied.outcome);
  if (applied.found) {
    Record& found = answer.outcome.found.emplace();
    found.key = applied.found->key().copy();
    found.version = applied.found->version();
    found.value = to_vector(applied.found->value());
    answer.found_elsewhere = applied.found->elsewhere();
  }
  return encode(answer);
}

std::unique_ptr<groups::FrozenState> PartitionMachine::freeze() { return std::make_unique<FrozenPartition>(*this); }

void PartitionMachine::checkpointed() {
  for (const Moved& moved : moved_) state_.move_value(moved.key, moved.version, encode(moved.to));
  moved_ = std::vector<Moved>();
  account();
  tasks_.spawn(values_.remove_dead());
}

Task<Status> PartitionMachine::load(wal::CheckpointReader& from) {
  if (from.label() != kStateFormat) co_return Code::unsupported_version;
  CO_RETURN_IF_ERROR(co_await values_.load());
  StateReader reader(state_);
  while (true) {
    CO_ASSIGN_OR_RETURN(ByteView bytes, co_await from.next());
    if (bytes.empty()) break;
    CO_RETURN_IF_ERROR(reader.feed(bytes, kRecordValueMax));
  }
  CO_RETURN_IF_ERROR(reader.finish());
  account();
  co_return check_values();
}

Status PartitionMachine::check_values() const {
  Status status;
  auto look = [this, &status](const PackedRecord& record) {
    if (!record.elsewhere()) return true;
    auto whereabouts = decode<Whereabouts>(record.value());
    if (whereabouts.ok() && values_.knows(*whereabouts)) return true;
    status = Error(Code::damaged, "a file of values is missing or too short");
    return false;
  };
  state_.records().visit(Key(), look);
  return status;
}

Task<Status> PartitionMachine::add_piece(std::uint32_t format, ByteVector piece) {
  if (format != kStateFormat) co_return Code::unsupported_version;
  if (!reader_) reader_ = std::make_unique<StateReader>(state_);
  CO_RETURN_IF_ERROR(reader_->feed(piece, kValueInMemoryMax));
  Status kept = co_await keep_large(reader_->take_large());
  account();
  co_return kept;
}

Task<Status> PartitionMachine::keep_large(std::vector<StateReader::LargeRecord> records) {
  if (records.empty()) co_return Status();
  std::vector<ByteView> values;
  for (const StateReader::LargeRecord& record : records) values.push_back(record.value);
  CO_ASSIGN_OR_RETURN(std::vector<Whereabouts> written, co_await values_.append(values));
  for (std::size_t i = 0; i < records.size(); ++i)
    state_.restore_record(records[i].key, records[i].version, encode(written[i]), true);
  co_return Status();
}

Task<Status> PartitionMachine::pieces_end() {
  if (!reader_) co_return Error(Code::damaged, "a snapshot of nothing");
  Status whole = reader_->finish();
  reader_.reset();
  co_return whole;
}

Task<void> PartitionMachine::stop() {
  co_await tasks_.stop();
  while (readers_ > 0) {
    Parking parking(machines_.env_.loop());
    no_readers_ = &parking;
    co_await parking.park_uncancellable();
    no_readers_ = nullptr;
  }
}

Task<Result<ByteVector>> PartitionMachine::value(PackedRecordPtr record) {
  if (!record->elsewhere()) co_return to_vector(record->value());
  CO_ASSIGN_OR_RETURN(Whereabouts whereabouts, decode<Whereabouts>(record->value()));
  co_return co_await value_at(whereabouts);
}

Task<Result<ByteVector>> PartitionMachine::value_at(Whereabouts whereabouts) {
  ++readers_;
  auto value = co_await values_.read(whereabouts);
  if (--readers_ == 0 && no_readers_) no_readers_->wake();
  co_return value;
}

PartitionMachines::PartitionMachines(Env& env, Options options)
    : env_(env),
      options_(options),
      open_(env, options.open_files_max),
      memory_gauge_(env.metrics().gauge("metadata_memory_bytes", "memory that records take")) {
  env.metrics().gauge("metadata_memory_max_bytes", "beyond so much the metadata is full").set(options.memory_max);
}

std::unique_ptr<groups::StateMachine> PartitionMachines::make(groups::GroupId group, std::string directory) {
  return std::make_unique<PartitionMachine>(*this, group, std::move(directory));
}

}  // namespace vortex::dht
