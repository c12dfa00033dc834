// Taking names away.
#include "node/namespace/repeat.h"

namespace vortex::node {

namespace {
constexpr std::size_t kLeftOperationsMax = 10'000;
}  // namespace

Task<Status> Tree::plan_removal(NamePlan& plan, Slot slot, const Precondition& only_if, Effort& effort) {
  FileTime now = wall_now();
  plan.require_version(slot.spot.key(), slot.version);
  plan.erase(slot.spot.key());
  if (slot.entry.kind == EntryKind::directory) {
    plan.remove_directory(slot.entry.id);
    co_return Status();
  }
  CO_ASSIGN_OR_RETURN(Holding holding, co_await hold(slot, effort));
  CO_RETURN_IF_ERROR(check(only_if, holding.inode));
  if (slot.entry.kind == EntryKind::linked) {
    plan.require_version(holding.key, holding.version);
    if (holding.inode.links > 1) {
      --holding.inode.links;
      holding.inode.attributes.changed = now;
      holding.inode.version = next_version(holding.inode.version, now);
      plan.write(holding.key, encode_record(holding.inode));
      co_return Status();
    }
    plan.erase(holding.key);
  }
  plan.let_go(holding.key.place, holding.inode, std::nullopt, now, env_.random().id());
  co_return Status();
}

Task<Tree::Attempt> Tree::try_unlink(Id directory, std::string name, const Change& change, Effort& effort) {
  CO_ASSIGN_OR_RETURN(Slot slot, co_await find_to_change(directory, name, effort));
  if (!slot.there()) co_return Code::not_found;
  if (slot.entry.kind == EntryKind::directory) co_return Code::is_directory;
  NamePlan plan;
  Status planned = co_await plan_removal(plan, slot, change.only_if, effort);
  if (planned.is(Code::stale)) co_return std::nullopt;
  CO_RETURN_IF_ERROR(std::move(planned));
  FileTime now = wall_now();
  plan.pulse(slot.spot, now);
  plan.operation(slot.spot, change, slot.entry.id, 0, now);
  CO_ASSIGN_OR_RETURN(Tried tried, co_await commit(std::move(plan), change, effort));
  if (tried.end == Tried::End::again) co_return std::nullopt;
  Inode gone;
  gone.id = slot.entry.id;
  co_return gone;
}

Task<Tree::Attempt> Tree::try_rmdir(Id directory, std::string name, const Change& change, Effort& effort) {
  CO_ASSIGN_OR_RETURN(Slot slot, co_await find_to_change(directory, name, effort));
  if (!slot.there()) co_return Code::not_found;
  if (slot.entry.kind != EntryKind::directory) co_return Code::not_directory;
  CO_RETURN_IF_ERROR(co_await parts_.collapse(slot.entry.id, Part(), left(effort)));
  NamePlan plan;
  CO_RETURN_IF_ERROR(co_await plan_removal(plan, slot, change.only_if, effort));
  FileTime now = wall_now();
  plan.pulse(slot.spot, now);
  plan.operation(slot.spot, change, slot.entry.id, 0, now);
  std::size_t empty = plan.empty_condition();
  CO_ASSIGN_OR_RETURN(Tried tried, co_await commit(std::move(plan), change, effort));
  if (tried.end == Tried::End::again && tried.failed == empty) co_return Code::not_empty;
  if (tried.end == Tried::End::again) co_return std::nullopt;
  parts_.forget(slot.entry.id);
  (void)(co_await forget_operations(slot.entry.id, kLeftOperationsMax)).ok();
  Inode gone;
  gone.id = slot.entry.id;
  co_return gone;
}

Task<Status> Tree::unlink(Id directory, std::string name, Change change) {
  auto gone = co_await repeat(directory, std::move(name), std::move(change), &Tree::try_unlink);
  if (!gone.ok()) co_return gone.error();
  co_return Status();
}

Task<Status> Tree::rmdir(Id directory, std::string name, Change change) {
  auto gone = co_await repeat(directory, std::move(name), std::move(change), &Tree::try_rmdir);
  if (!gone.ok()) co_return gone.error();
  co_return Status();
}

}  // namespace vortex::node
