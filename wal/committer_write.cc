// The writing half of the committer: one group at a time goes to the disk while the next one fills.
#include <algorithm>

#include "base/log.h"
#include "wal/committer.h"

namespace vortex::wal {

Task<void> Committer::run() {
  while (state_.ok()) {
    auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none) co_return;
    if (closing_ && filling_->group.empty() && last_had_records_) want_note();
    if (!filling_->group.empty() || note_wanted_) {
      auto written = co_await write_group();
      if (!written.ok()) failed_write(written.error());
    } else {
      if (closing_) co_return;
      bool woken = co_await idle_.park();
      if (!woken) co_return;
    }
  }
}

Task<Status> Committer::write_group() {
  // An empty group may have to move on to the next segment, too.
  if (filling_->group.empty()) {
    Status fits = room(0, 0, Use::note);
    if (!fits.ok()) {
      note_wanted_ = false;
      last_had_records_ = false;
      co_return Status();
    }
  }
  std::swap(filling_, writing_);
  Group& group = writing_->group;
  if (group.opens_segment()) group.add_owner_table(owners_.table());
  GroupHeader header;
  header.sequence = end_.sequence + 1;
  header.previous = end_.check;
  header.synced = end_.sequence;
  header.oldest = segments_.oldest();
  note_wanted_ = false;
  ByteView bytes = group.seal(header);
  restart(*filling_, Lsn(header.segment, header.offset + bytes.size()));
  admit();

  File& file = *segments_.slot(header.segment).file;
  std::span<const ByteView> pieces(&bytes, 1);
  Instant started = env_.now();
  CO_RETURN_IF_ERROR(co_await file.write_durable(header.offset, pieces));
  write_seconds_.record(env_.now() - started);
  if (header.opens_segment()) CO_RETURN_IF_ERROR(co_await segments_.note_newest(header.segment));
  publish(*writing_, header);
  co_return Status();
}

void Committer::publish(Filling& written, const GroupHeader& header) {
  groups_total_.add();
  records_total_.add(header.records);
  bytes_total_.add(header.bytes());
  if (header.opens_segment()) segments_.open_next();
  end_.place = Lsn(header.segment, header.offset + header.bytes());
  end_.sequence = header.sequence;
  end_.check = header.check;
  end_.remains = false;
  last_had_records_ = header.records > 0;
  apply(written);
  if (segments_.retire(filling_->number)) want_note();
  live_segments_.set(segments_.live());
  segments_.group_durable(written.number);
  written.waiting.finish(Status());
  admit();
}

void Committer::apply(Filling& written) {
  for (const Effect& effect : written.effects) {
    if (effect.type == RecordType::data) {
      owners_.wrote(*effect.owner, effect.at);
    } else {
      owners_.truncate(*effect.owner, effect.at);
    }
  }
  for (const Effect& effect : written.effects) {
    Owner& owner = *effect.owner;
    if (--owner.effects == 0) owners_.forget_if_unused(owner);
  }
}

void Committer::undo(Filling& group) {
  for (auto effect = group.effects.rbegin(); effect != group.effects.rend(); ++effect) {
    Owner& owner = *effect->owner;
    owner.sequence = effect->sequence_before;
    if (--owner.effects == 0) owners_.forget_if_unused(owner);
  }
  group.effects.clear();
}

void Committer::failed_write(const Error& error) {
  if (!error.is(Code::no_space)) {
    // When the machine is gone there is nobody left to tell; otherwise nothing that was written can be believed.
    bool disk_failed = !error.is(Code::cancelled) && !error.is(Code::closed);
    fail(Error(error).in("the log has failed"));
    if (!disk_failed) return;
    env_.log().error("wal", "a write or sync failed", Field("error", error));
    env_.fail_stop("wal: a write or sync failed: " + error.to_string());
    return;
  }
  env_.log().warn("wal", "no space to write a group", Field("error", error));
  // What was staged behind the failed group or waits for room must not overtake it, so it fails as well.
  undo(*filling_);
  undo(*writing_);
  CompletionList failed;
  failed.take_all(writing_->waiting);
  failed.take_all(filling_->waiting);
  const bool note_alone = failed.empty();
  failed.take_all(queue_);
  end_.place = writing_->group.place();
  end_.remains = true;
  restart(*filling_, end_.place);
  // Those that wait for room behind a note that cannot be written would wait for ever.
  if (note_alone) refuse_waiting(error);
  // And when that was the last one, there is nothing left to end with.
  if (note_alone && closing_) fail(Error(error).in("wal: the last note"));
  failed.finish(Error(error).in("wal: writing"));
  admit();
}

void Committer::want_note() {
  note_wanted_ = true;
  idle_.wake();
}

void Committer::close() {
  closing_ = true;
  refuse_waiting(Error(Code::closed, "the log is closed"));
  idle_.wake();
}

void Committer::fail(const Error& error) {
  if (state_.ok()) state_ = error;
  CompletionList failed;
  failed.take_all(writing_->waiting);
  failed.take_all(filling_->waiting);
  failed.take_all(note_queue_);
  failed.take_all(relief_queue_);
  failed.take_all(queue_);
  failed.finish(error);
  idle_.wake();
}

}  // namespace vortex::wal
