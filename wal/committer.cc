#include "wal/committer.h"

#include <algorithm>

#include "base/endian.h"

namespace vortex::wal {

void Completion::unlink() {
  if (list_ == nullptr) return;
  before_->after_ = after_;
  after_->before_ = before_;
  --list_->size_;
  list_ = nullptr;
}

void CompletionList::push_back(Completion& completion) {
  completion.unlink();
  completion.before_ = ends_.before_;
  completion.after_ = &ends_;
  ends_.before_->after_ = &completion;
  ends_.before_ = &completion;
  completion.list_ = this;
  ++size_;
}

void CompletionList::take_all(CompletionList& from) {
  while (!from.empty()) push_back(from.front());
}

void CompletionList::finish(const Status& status) {
  CompletionList told;
  told.take_all(*this);
  while (!told.empty()) {
    Completion& first = told.front();
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
      live_segments_(env.metrics().gauge("vortex_wal_live_segments", "segments that some owner needs")),
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
  return record_bytes(table_payload_bytes(std::min(owners_.size() + new_owners, options_.owners_max())));
}

std::uint64_t Committer::limit_of(SegmentId segment, Use use) {
  const std::uint64_t bytes = segments_.slot(segment).bytes;
  const std::uint64_t reserve = std::max(bytes / kReserveShare, std::uint64_t(kReserveBlocksMin * kBlock));
  if (segments_.has_spare() && !(use == Use::data && segments_.full())) return bytes;
  switch (use) {
    case Use::data:
      return bytes - reserve;
    case Use::relief:
      return bytes - reserve / 2;
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
    // Its segment may be one that has no slot yet: a start goes on where a whole segment is missing.
    if (group.place().segment() > segments_.current() && !segments_.has_spare()) {
      blocked_on_spare_ = true;
      segments_.want_spare();
      return Error(Code::busy, "the next segment is not ready yet");
    }
    if (group.place().offset() + padded <= limit_of(group.place().segment(), use)) {
      blocked_on_spare_ = false;
      return Status();
    }
    if (!group.empty()) return Code::busy;
    if (end_.remains && group.place() == end_.place) {
      want_note();
      return Error(Code::busy, "a note goes first, where a group was not finished");
    }
    RETURN_IF_ERROR(next_segment(use));
  }
}

Status Committer::next_segment(Use use) {
  Group& group = filling_->group;
  if (use == Use::data && segments_.full())
    return Error(Code::busy, "the log is full until its oldest owners truncate");
  if (segments_.current() >= kSegmentNumberMax) return Error(Code::failed, "the numbers of segments are used up");
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

Status Committer::check_batch(std::span<const Record> batch) const {
  if (batch.empty()) return Error(Code::invalid_argument, "an empty batch");
  std::size_t bytes = 0;
  for (const Record& record : batch) {
    std::size_t payload = record.prefix.size() + record.payload.size();
    if (payload > kWalRecordMax) return Error(Code::too_large, "a record of " + std::to_string(payload) + " bytes");
    bytes += record_bytes(payload);
  }
  if (bytes > options_.batch_bytes_max())
    return Error(Code::too_large, "a batch of " + std::to_string(bytes) + " bytes");
  return Status();
}

Status Committer::check(const Request& request) const {
  if (closing_) return Error(Code::closed, "the log is closed");
  RETURN_IF_ERROR(state_);
  if (request.type == RecordType::data) return check_batch(request.batch);
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

Status Committer::stage_batch(const Request& request, Appended& appended) {
  const std::span<const Record> batch = request.batch;
  std::size_t bytes = 0;
  for (const Record& record : batch) bytes += record_bytes(record.prefix.size() + record.payload.size());
  RETURN_IF_ERROR(room(bytes, batch.size(), request.relief ? Use::relief : Use::data));
  if (owners_.size() + batch.size() > options_.owners_max() && too_many_owners(batch))
    return Error(Code::too_large, "too many owners share the log");
  for (std::size_t i = 0; i < batch.size(); ++i) {
    appended.last = add(batch[i], i + 1 == batch.size());
    if (i == 0) appended.first = appended.last;
  }
  batches_total_.add();
  return Status();
}

bool Committer::too_many_owners(std::span<const Record> batch) const {
  std::vector<OwnerId> fresh;
  for (const Record& record : batch)
    if (owners_.find(record.owner) == nullptr) fresh.push_back(record.owner);
  std::sort(fresh.begin(), fresh.end());
  auto distinct = static_cast<std::size_t>(std::unique(fresh.begin(), fresh.end()) - fresh.begin());
  return owners_.size() + distinct > options_.owners_max();
}

Status Committer::stage_note(const Request& note, Appended& appended) {
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
  appended.first = appended.last = lsn;
  return Status();
}

Status Committer::stage(const Request& request, Completion& completion) {
  Appended& appended = completion.appended_;
  RETURN_IF_ERROR(request.type == RecordType::data ? stage_batch(request, appended) : stage_note(request, appended));
  filling_->waiting.push_back(completion);
  idle_.wake();
  return Status();
}

CompletionList& Committer::queue_of(const Request& request) {
  if (request.type != RecordType::data) return note_queue_;
  return request.relief ? relief_queue_ : queue_;
}

Status Committer::submit(const Request& request, Completion& completion) {
  RETURN_IF_ERROR(check(request));
  CompletionList& queue = queue_of(request);
  if (queue.empty()) {
    Status staged = stage(request, completion);
    if (!staged.is(Code::busy)) return staged;
  }
  if (queue.size() >= kRoomQueueMax) return Error(Code::busy, "too many wait for room in the log");
  completion.request_ = request;
  queue.push_back(completion);
  return Status();
}

void Committer::admit() {
  admit(note_queue_);
  admit(relief_queue_);
  admit(queue_);
}

void Committer::admit(CompletionList& queue) {
  while (!queue.empty()) {
    Completion& first = queue.front();
    Status staged = stage(first.request_, first);
    if (staged.is(Code::busy)) return;
    if (staged.ok()) continue;
    first.unlink();
    first.finished(staged);
  }
}

void Committer::refuse_waiting(const Error& error) {
  CompletionList refused;
  refused.take_all(note_queue_);
  refused.take_all(relief_queue_);
  refused.take_all(queue_);
  refused.finish(error);
}

void Committer::spares_changed() {
  const auto& failure = segments_.spare_failure();
  bool hopeless = failure && blocked_on_spare_ && !segments_.has_spare();
  if (hopeless) {
    blocked_on_spare_ = false;
    refuse_waiting(*failure);
  }
  admit();
}

// Waits for one completion.
class Committer::Waiter final : public Completion {
 public:
  explicit Waiter(Loop& loop) : parking_(loop) {}
  void finished(const Status& status) override {
    status_ = status;
    done_ = true;
    parking_.wake();
  }
  // `cancelled` when nobody knows yet: the batch may still become durable.
  Task<Status> wait() {
    if (!done_) {
      bool woken = co_await parking_.park();
      if (!woken && !done_) co_return Code::cancelled;
    }
    co_return status_;
  }

 private:
  Parking parking_;
  Status status_;
  bool done_ = false;
};

Task<Result<Appended>> Committer::append(Request request) {
  Waiter waiter(env_.loop());
  CO_RETURN_IF_ERROR(submit(request, waiter));
  CO_RETURN_IF_ERROR(co_await waiter.wait());
  co_return waiter.appended();
}

}  // namespace vortex::wal
