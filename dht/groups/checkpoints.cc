// The host: states onto the disk, so that the log can be cut.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/one_shot.h"
#include "dht/groups/host_impl.h"

namespace vortex::dht::groups {

namespace {
constexpr Duration kAgain = milliseconds(20);
constexpr Duration kAfterFailure = seconds(1);
// Groups that keep the log's oldest segments are checkpointed when so much of the log is in use.
constexpr std::size_t kLogShareMax = 2;
constexpr std::size_t kHoldersAtOnce = 8;
}  // namespace

void Host::Impl::want_checkpoint(Group& group) {
  group.checkpointing = true;
  to_checkpoint_.push_back(group.weak_from_this());
  if (checkpoints_running_ >= kCheckpointsAtOnce) return;
  ++checkpoints_running_;
  auto body = [](Impl& host) -> Task<void> {
    while (!host.to_checkpoint_.empty() && !host.tasks_.cancelled()) {
      auto next = host.to_checkpoint_.front().lock();
      host.to_checkpoint_.erase(host.to_checkpoint_.begin());
      if (next) co_await host.checkpoint(std::move(next));
    }
    --host.checkpoints_running_;
  };
  tasks_.spawn(body(*this));
}

// When the log is long, or cannot grow, those who hold its oldest part are asked to move on.
void Host::Impl::relieve_log() {
  const bool long_log = log->live_segments() * kLogShareMax >= options.wal.live_segments_max;
  if (!long_log && !log->short_of_room()) return;
  for (const wal::Holder& holder : log->holders(kHoldersAtOnce)) {
    // Of the newest segment nothing can be given back.
    if (holder.segments_held < 2) continue;
    const auto id = static_cast<GroupId>(holder.owner - 1);
    auto group = find(id);
    if (group && !group->checkpointing) want_checkpoint(*group);
    if (!damaged.contains(id) || inviting_.contains(id) || !giving_up_.insert(id).second) continue;
    tasks_.spawn(give_up_log(id));
  }
}

// What a damaged replica has in the log must not keep all others from writing. A record that says so stays.
Task<void> Host::Impl::give_up_log(GroupId id) {
  const DamagedReplica& replica = damaged.at(id);
  Lost lost;
  lost.group_epoch = replica.group_epoch;
  lost.self = replica.self;
  lost.why = replica.why;
  env.log().warn("raft", "the log needs the room that a damaged replica takes in it", Field("group", id));
  Batch batch(id);
  batch.add(lost);
  std::vector<wal::Record> records = batch.records();
  auto written = co_await log->append_relief(records);
  Status cut = written.ok() ? Status() : Status(written.error());
  if (cut.ok()) cut = co_await log->truncate(owner_of(id), written->first);
  if (!cut.ok()) env.log().warn("raft", "the log could not be cut", Field("group", id), Field("why", cut.error()));
  giving_up_.erase(id);
}

Task<void> Host::Impl::checkpoint(std::shared_ptr<Group> group) {
  Base base = group->base();
  const raft::Raft& raft = group->raft();
  // Only where the state and the configuration are of one moment.
  bool well = true;
  bool ready = !group->gone && raft.applied_index() == raft.commit() && raft.commit() >= base.index;
  if (ready) {
    bool moved = raft.applied_index() > base.index;
    base.index = raft.applied_index();
    // Where nothing has moved, the file that is there remains: perhaps another instance's, of a snapshot that came
    // late.
    if (moved) {
      base.term = *raft.log().term_at(base.index);
      base.configuration = raft.committed_configuration();
      base.instance = group->instance()->number;
    }
    Status saved = co_await save(group, base, moved);
    well = saved.ok() || saved.is(Code::stale);
    if (!well && !saved.is(Code::cancelled))
      env.log().warn("raft", "a checkpoint could not be written", Field("group", group->id()),
                     Field("why", saved.error()));
  }
  Duration pause = well ? kAgain : kAfterFailure;
  if (!ready || !well) (void)(co_await sleep_for(env, pause)).ok();
  group->checkpointing = false;
  schedule(*group);
}

Task<Status> Host::Impl::save(std::shared_ptr<Group> group, Base base, bool file_needed) {
  Base before = group->base();
  std::shared_ptr<Instance> instance = group->instance();
  if (file_needed) {
    ++base.checkpoint;
    std::unique_ptr<FrozenState> frozen = instance->machine->freeze();
    std::string name = "state-" + std::to_string(base.checkpoint);
    CO_ASSIGN_OR_RETURN(auto writer, co_await wal::CheckpointWriter::create(env, instance->directory, name,
                                                                            instance->machine->format()));
    CO_RETURN_IF_ERROR(co_await frozen->save(*writer));
    CO_RETURN_IF_ERROR(co_await writer->finish());
    metrics.checkpoints.add();
    metrics.checkpoint_bytes.add(writer->bytes());
  }
  while (group->base_writing) CO_RETURN_IF_ERROR(co_await sleep_for(env, kAgain));
  // A snapshot was installed meanwhile.
  if (group->gone || group->instance() != instance || group->base().index > base.index) co_return Code::stale;
  base.discard = false;
  CO_ASSIGN_OR_RETURN(wal::Lsn place, co_await put_base(group, base));
  group->checkpointed(base, place);
  if (file_needed) instance->machine->checkpointed();
  co_await after_base(group, before);
  co_return Status();
}

Task<Result<wal::Lsn>> Host::Impl::put_base(std::shared_ptr<Group> group, Base base) {
  OneShot<wal::Lsn> done(env.loop());
  group->base_writing = true;
  auto told = std::make_shared<OneShot<wal::Lsn>*>(&done);
  auto tell = [told](Result<wal::Lsn> place) {
    if (*told) (*told)->set(std::move(place));
  };
  group->write_base(std::move(base), Group::Done(tell));
  auto place = co_await done.wait();
  *told = nullptr;
  group->base_writing = false;
  co_return place;
}

// The log is cut, and what only the base before named is removed.
Task<void> Host::Impl::after_base(std::shared_ptr<Group> group, Base before) {
  const Base now = group->base();
  wal::Lsn from = group->needed_from();
  if (from > wal::Lsn()) {
    Status cut = co_await log->truncate(owner_of(group->id()), from);
    if (!cut.ok()) co_return;
  }
  if (before.checkpoint != 0 && (before.checkpoint != now.checkpoint || before.instance != now.instance)) {
    std::string path = directory_of(group->id(), before.instance) + "/state-" + std::to_string(before.checkpoint);
    (void)(co_await env.disk().remove(path)).ok();
  }
  if (before.instance != now.instance && group->instance()->number != before.instance)
    co_await remove_directory(directory_of(group->id(), before.instance));
}

Task<void> Host::Impl::retire(std::shared_ptr<Instance> instance) {
  retiring_.push_back(instance);
  // Others may be reading it: a checkpoint, snapshots on their way out. Here are two references of our own.
  while (instance.use_count() > 2) {
    Status slept = co_await sleep_for(env, kAgain);
    if (!slept.ok()) co_return;  // stop() sees to it
  }
  co_await instance->machine->stop();
  std::erase(retiring_, instance);
}

Task<void> Host::Impl::remove_directory(std::string directory) {
  auto files = co_await env.disk().list(directory);
  if (!files.ok()) co_return;
  for (const DirectoryEntry& file : *files) {
    Status removed = co_await env.disk().remove(directory + "/" + file.name);
    if (!removed.ok()) co_return;
  }
  (void)(co_await env.disk().remove(directory)).ok();
}

}  // namespace vortex::dht::groups
