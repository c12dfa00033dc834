// The waiting half of the committer: for room in a group, and for a group to be durable.
#include "wal/committer.h"

namespace vortex::wal {

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

// Leaves the queue in any case, and lets the next one try.
class Committer::PlaceInQueue {
 public:
  PlaceInQueue(Queue& queue, Turn& turn) : queue_(queue), at_(queue.insert(queue.end(), &turn)) {}
  ~PlaceInQueue() {
    queue_.erase(at_);
    if (!queue_.empty()) queue_.front()->parking.wake();
  }
  PlaceInQueue(const PlaceInQueue&) = delete;
  PlaceInQueue& operator=(const PlaceInQueue&) = delete;
  bool first() const { return at_ == queue_.begin(); }

 private:
  Queue& queue_;
  Queue::iterator at_;
};

template <class What>
Task<Status> Committer::take_turn(What what, Completion& completion, Queue& queue) {
  if (queue.size() >= kRoomQueueMax) co_return Error(Code::busy, "too many wait for room in the log");
  Turn turn(env_.loop());
  PlaceInQueue place(queue, turn);
  while (true) {
    if (place.first()) {
      Status status = try_stage(what, completion);
      if (!status.is(Code::busy)) co_return status;
    }
    bool woken = co_await turn.parking.park();
    if (turn.refused) co_return *turn.refused;
    if (!woken) co_return Code::cancelled;
  }
}

template <class What>
Task<Result<Appended>> Committer::submit(What what, Queue& queue) {
  Waiter waiter(env_.loop());
  Status staged = Code::busy;
  if (queue.empty()) staged = try_stage(what, waiter);
  if (staged.is(Code::busy)) staged = co_await take_turn(what, waiter, queue);
  if (!staged.ok()) co_return std::move(staged).error();
  CO_RETURN_IF_ERROR(co_await waiter.wait());
  co_return waiter.appended();
}

Task<Result<Appended>> Committer::append(std::span<const Record> batch) { return submit(batch, turns_); }

Task<Status> Committer::note(RecordType type, OwnerId owner, Lsn before) {
  Note note;
  note.type = type;
  note.owner = owner;
  note.before = before;
  auto written = co_await submit(note, note_turns_);
  if (!written.ok()) co_return std::move(written).error();
  co_return Status();
}

void Committer::wake_room() {
  if (!turns_.empty()) turns_.front()->parking.wake();
  if (!note_turns_.empty()) note_turns_.front()->parking.wake();
}

void Committer::refuse(Queue& queue, const Error& error) {
  for (Turn* turn : queue) {
    turn->refused = error;
    turn->parking.wake();
  }
}

void Committer::spares_changed() {
  const auto& failure = segments_.spare_failure();
  if (failure && blocked_on_spare_ && !segments_.has_spare()) {
    refuse(turns_, *failure);
    refuse(note_turns_, *failure);
    blocked_on_spare_ = false;
  }
  wake_room();
}

}  // namespace vortex::wal
