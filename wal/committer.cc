#include "wal/committer.h"

#include <algorithm>

#include "base/endian.h"

namespace vortex::wal {

namespace {
std::size_t owners_max(const Options& options) {
  return std::min(kOwnersMax, (options.group_bytes / 4 - 2 * kGroupHeaderBytes) / kOwnerEntryBytes);
}
}  // namespace

void Completion::unlink() {
  if (before_ == nullptr) return;
  before_->after_ = after_;
  after_->before_ = before_;
  before_ = after_ = nullptr;
}

void CompletionList::push_back(Completion& completion) {
  CHECK(completion.before_ == nullptr);
  completion.before_ = ends_.before_;
  completion.after_ = &ends_;
  ends_.before_->after_ = &completion;
  ends_.before_ = &completion;
}

void CompletionList::take_all(CompletionList& from) {
  while (from.ends_.after_ != &from.ends_) {
    Completion& first = *from.ends_.after_;
    first.unlink();
    push_back(first);
  }
}

void CompletionList::finish(const Status& status) {
  CompletionList told;
  told.take_all(*this);
  while (told.ends_.after_ != &told.ends_) {
    Completion& first = *told.ends_.after_;
    first.unlink();
    first.finished(status);
  }
}

Committer::Committer(Env& env, Segments& segments, Owners& owners, const Options& options)
    : env_(env),
      segments_(segments),
      owners_(owners),
      options_(options),
      buffers_{Filling(options.group_bytes), Filling(options.group_bytes)},
      idle_(env.loop()),
      groups_total_(env.metrics().counter("vortex_wal_groups_total", "groups written and synced")),
      batches_total_(env.metrics().counter("vortex_wal_batches_total", "batches made durable")),
      records_total_(env.metrics().counter("vortex_wal_records_total", "records made durable")),
      bytes_total_(env.metrics().counter("vortex_wal_bytes_total", "bytes written to the log")),
      write_seconds_(env.metrics().histogram("vortex_wal_write_seconds", "one write and sync of a group")) {}

void Committer::begin(const LogEnd& end) {
  end_ = end;
  restart(*filling_, end.place);
}

void Committer::restart(Filling& filling, Lsn place) {
  filling.group.start(end_.log_id, place, place.offset() == 0);
  filling.effects.clear();
  filling.number = ++attempts_;
}

std::size_t Committer::table_bytes(std::size_t new_owners) const {
  return record_bytes(table_payload_bytes(std::min(owners_.size() + new_owners, owners_max(options_))));
}

std::uint64_t Committer::limit_of(SegmentId segment, Use use) {
  std::uint64_t bytes = segments_.slot(segment).bytes;
  if (segments_.has_spare() && !(use == Use::data && segments_.full())) return bytes;
  switch (use) {
    case Use::data:
      return bytes - std::max(bytes / kReserveShare, std::uint64_t(kReserveBlocksMin * kBlock));
    case Use::truncation:
      return bytes - kBlock;
    case Use::note:
      break;
  }
  return bytes;
}

Status Committer::room(std::size_t bytes, std::size_t new_owners, Use use) {
  Group& group = filling_->group;
  while (true) {
    std::size_t used = group.used() + bytes + (group.opens_segment() ? table_bytes(new_owners) : 0);
    if (used > group.capacity()) return Code::busy;
    std::size_t padded = (used + kBlock - 1) / kBlock * kBlock;
    if (group.place().offset() + padded <= limit_of(group.place().segment(), use)) {
      blocked_on_spare_ = false;
      return Status();
    }
    if (!group.empty()) return Code::busy;
    RETURN_IF_ERROR(next_segment(use));
  }
}

Status Committer::next_segment(Use use) {
  Group& group = filling_->group;
  if (use == Use::data && segments_.full())
    return Error(Code::busy, "the log is full until its oldest owners truncate");
  // A group is at most a quarter of a segment, so the one after a group that opens a segment fits in there.
  if (!segments_.has_spare() || group.place().segment() > segments_.current()) {
    blocked_on_spare_ = true;
    if (segments_.has_retired()) want_note();
    segments_.want_spare();
    return Error(Code::busy, "the next segment is not ready yet");
  }
  group.start(end_.log_id, Lsn(segments_.current() + 1, 0), true);
  return Status();
}

std::optional<Error> Committer::spare_failure(const Status& status) const {
  if (!status.is(Code::busy) || !blocked_on_spare_ || segments_.preparing()) return std::nullopt;
  return segments_.spare_failure();
}

Status Committer::check_batch(std::span<const Record> batch, std::size_t& bytes) const {
  if (closing_) return Error(Code::closed, "the log is closed");
  RETURN_IF_ERROR(state_);
  if (batch.empty()) return Error(Code::invalid_argument, "an empty batch");
  for (const Record& record : batch) {
    std::size_t payload = record.prefix.size() + record.payload.size();
    if (payload > kWalRecordMax) return Error(Code::too_large, "a record of " + std::to_string(payload) + " bytes");
    bytes += record_bytes(payload);
  }
  if (bytes > options_.batch_bytes_max())
    return Error(Code::too_large, "a batch of " + std::to_string(bytes) + " bytes");
  if (owners_.size() + batch.size() <= owners_max(options_)) return Status();
  std::vector<OwnerId> fresh;
  for (const Record& record : batch)
    if (owners_.find(record.owner) == nullptr) fresh.push_back(record.owner);
  std::sort(fresh.begin(), fresh.end());
  auto distinct = static_cast<std::size_t>(std::unique(fresh.begin(), fresh.end()) - fresh.begin());
  if (owners_.size() + distinct > owners_max(options_)) return Error(Code::too_large, "too many owners share the log");
  return Status();
}

Committer::Effect& Committer::effect_of(Owner& owner, RecordType type) {
  if (type == RecordType::data && owner.effect_group == filling_->number) return filling_->effects[owner.effect_at];
  Effect effect;
  effect.type = type;
  effect.owner = &owner;
  effect.sequence_before = owner.sequence;
  owner.effect_group = type == RecordType::data ? filling_->number : 0;
  owner.effect_at = filling_->effects.size();
  ++owner.effects;
  return filling_->effects.emplace_back(effect);
}

Lsn Committer::add(const Record& record, bool last) {
  Owner& owner = owners_.find_or_add(record.owner, end_.place);
  Effect& effect = effect_of(owner, RecordType::data);
  RecordHeader header;
  header.kind = record.kind;
  header.flags = last ? kFlagLastOfBatch : 0;
  header.owner = record.owner;
  header.sequence = ++owner.sequence;
  return effect.at = filling_->group.add(header, record.prefix, record.payload);
}

Status Committer::try_stage(std::span<const Record> batch, Completion& completion) {
  std::size_t bytes = 0;
  RETURN_IF_ERROR(check_batch(batch, bytes));
  RETURN_IF_ERROR(room(bytes, batch.size(), Use::data));
  Appended& appended = completion.appended_;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    appended.last = add(batch[i], i + 1 == batch.size());
    if (i == 0) appended.first = appended.last;
  }
  filling_->waiting.push_back(completion);
  batches_total_.add();
  idle_.wake();
  return Status();
}

Status Committer::try_stage(const Note& note, Completion& completion) {
  if (closing_) return Error(Code::closed, "the log is closed");
  RETURN_IF_ERROR(state_);
  Owner* owner = owners_.find(note.owner);
  if (owner == nullptr) return Error(Code::not_found, "no such owner in the log");
  std::uint8_t payload[8];
  store_le(payload, note.before.value);
  bool drop = note.type == RecordType::drop;
  ByteView body = drop ? ByteView() : ByteView(payload);
  RETURN_IF_ERROR(room(record_bytes(body.size()), 0, Use::truncation));
  Effect& effect = effect_of(*owner, note.type);
  RecordHeader header;
  header.type = note.type;
  header.flags = kFlagLastOfBatch;
  header.owner = note.owner;
  header.sequence = ++owner->sequence;
  Lsn lsn = filling_->group.add(header, ByteView(), body);
  effect.at = drop ? lsn : note.before;
  if (drop) owner->sequence = 0;
  completion.appended_.first = completion.appended_.last = lsn;
  filling_->waiting.push_back(completion);
  idle_.wake();
  return Status();
}

Status Committer::stage(std::span<const Record> batch, Completion& completion) {
  if (!turns_.empty()) return state_.ok() ? Status(Code::busy) : state_;
  Status status = try_stage(batch, completion);
  if (auto failure = spare_failure(status)) return *failure;
  return status;
}

}  // namespace vortex::wal
