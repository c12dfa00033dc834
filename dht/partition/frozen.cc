#include "dht/partition/frozen.h"

#include "base/yield.h"

namespace vortex::dht {

namespace {

// So much is done before others may run.
constexpr std::size_t kTurnBytes = 128 * kKiB;
constexpr std::size_t kPieceBytes = 512 * kKiB;
static_assert(kPieceBytes + kTurnBytes + kRecordValueMax + 4 * kKiB <= groups::kSnapshotPieceMax);

}  // namespace

FrozenPartition::FrozenPartition(PartitionMachine& machine)
    : machine_(machine),
      env_(machine.machines_.env()),
      records_(machine.state_.records()),
      held_(machine.values_.hold()) {
  Encoder encoder(tables_);
  machine.state_.encode_tables(encoder);
}

std::vector<PackedRecordPtr> FrozenPartition::next_records(std::size_t bytes) {
  std::vector<PackedRecordPtr> batch;
  std::size_t size = 0;
  bool more = false;
  auto take = [&](const PackedRecord& record) {
    if (size >= bytes) {
      more = true;
      next_ = record.key().copy();
      return false;
    }
    size += record.size() + record.key().name.size() + 64;
    batch.emplace_back(&record);
    return true;
  };
  if (!all_records_) records_.visit(next_, take);
  if (!more) all_records_ = true;
  return batch;
}

Task<Result<ByteVector>> FrozenPartition::next_piece() {
  ByteVector piece;
  if (all_) co_return piece;
  if (!started_) {
    // Parts of the tables go as they are; a reader puts together what is cut anywhere.
    ByteVector items;
    write_tables(tables_, items);
    tables_ = std::move(items);
    started_ = true;
  }
  if (!tables_.empty()) {
    const std::size_t size = std::min(tables_.size(), kPieceBytes);
    piece.assign(tables_.begin(), tables_.begin() + static_cast<std::ptrdiff_t>(size));
    tables_.erase(tables_.begin(), tables_.begin() + static_cast<std::ptrdiff_t>(size));
    co_return piece;
  }
  while (piece.size() < kPieceBytes && !all_records_) {
    std::vector<PackedRecordPtr> batch = next_records(kTurnBytes);
    for (const PackedRecordPtr& record : batch) {
      ++written_;
      if (!record->elsewhere()) {
        write_record(record->key(), record->version(), record->value(), false, piece);
        continue;
      }
      CO_ASSIGN_OR_RETURN(ByteVector value, co_await machine_.value(record));
      write_record(record->key(), record->version(), value, false, piece);
    }
    co_await yield(env_.loop());
  }
  if (all_records_) {
    write_end(written_, piece);
    all_ = true;
  }
  co_return piece;
}

Task<Status> FrozenPartition::save(wal::CheckpointWriter& to) {
  machine_.moved_.clear();
  ByteVector items;
  write_tables(tables_, items);
  CO_RETURN_IF_ERROR(co_await to.write(items));
  Status saved = co_await save_records(to);
  Status synced = co_await machine_.values_.sync();
  if (saved.ok() && !synced.ok()) saved = synced;
  if (!saved.ok()) {
    machine_.moved_.clear();
    co_return saved;
  }
  machine_.values_.count(live_);
  co_return Status();
}

Task<Status> FrozenPartition::save_records(wal::CheckpointWriter& to) {
  ByteVector out;
  while (!all_records_) {
    std::vector<PackedRecordPtr> batch = next_records(kTurnBytes);
    std::map<std::size_t, Whereabouts> placed;
    CO_RETURN_IF_ERROR(co_await place_values(batch, placed));
    out.clear();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const PackedRecord& record = *batch[i];
      ++written_;
      if (auto at = placed.find(i); at != placed.end()) {
        live_[at->second.file] += at->second.size;
        write_record(record.key(), record.version(), encode(at->second), true, out);
        continue;
      }
      if (record.elsewhere()) {
        auto whereabouts = decode<Whereabouts>(record.value());
        CHECK(whereabouts.ok());
        live_[whereabouts->file] += whereabouts->size;
      }
      write_record(record.key(), record.version(), record.value(), record.elsewhere(), out);
    }
    CO_RETURN_IF_ERROR(co_await to.write(out));
    co_await yield(env_.loop());
  }
  out.clear();
  write_end(written_, out);
  co_return co_await to.write(out);
}

Task<Status> FrozenPartition::place_values(const std::vector<PackedRecordPtr>& records,
                                           std::map<std::size_t, Whereabouts>& placed) {
  std::vector<std::size_t> which;
  std::vector<ByteVector> moved;  // values that were in files, by their order in `which`
  for (std::size_t i = 0; i < records.size(); ++i) {
    const PackedRecord& record = *records[i];
    if (!record.elsewhere()) {
      if (record.size() > kValueInMemoryMax) {
        which.push_back(i);
        moved.emplace_back();
      }
      continue;
    }
    auto whereabouts = decode<Whereabouts>(record.value());
    CHECK(whereabouts.ok());
    if (!machine_.values_.moving(*whereabouts)) continue;
    CO_ASSIGN_OR_RETURN(ByteVector value, co_await machine_.values_.read(*whereabouts));
    which.push_back(i);
    moved.push_back(std::move(value));
  }
  if (which.empty()) co_return Status();
  co_return co_await write_values(records, which, std::move(moved), placed);
}

Task<Status> FrozenPartition::write_values(const std::vector<PackedRecordPtr>& records,
                                           const std::vector<std::size_t>& which, std::vector<ByteVector> moved,
                                           std::map<std::size_t, Whereabouts>& placed) {
  std::vector<ByteView> values;
  for (std::size_t k = 0; k < which.size(); ++k) {
    const PackedRecord& record = *records[which[k]];
    values.push_back(record.elsewhere() ? ByteView(moved[k]) : record.value());
  }
  CO_ASSIGN_OR_RETURN(std::vector<Whereabouts> written, co_await machine_.values_.append(values));
  for (std::size_t k = 0; k < which.size(); ++k) {
    const PackedRecord& record = *records[which[k]];
    placed[which[k]] = written[k];
    PartitionMachine::Moved note;
    note.key = record.key().copy();
    note.version = record.version();
    note.to = written[k];
    machine_.moved_.push_back(std::move(note));
  }
  co_return Status();
}

}  // namespace vortex::dht
