#include "node/namespace/directory_parts.h"

namespace vortex::node {

Spot DirectoryParts::locate(const Id& directory, const std::string& name) const {
  Spot spot;
  spot.directory = directory;
  spot.name = name;
  spot.place = directory;
  auto hints = hints_.find(directory);
  if (hints == hints_.end()) return spot;
  std::uint32_t hash = hash_of(name);
  for (auto fork = hints->second.find(spot.part); fork != hints->second.end(); fork = hints->second.find(spot.part)) {
    spot.old_place.reset();
    if (fork->second) spot.old_place = spot.place;
    spot.part = spot.part.child(hash);
    spot.place = place_of(directory, spot.part);
  }
  return spot;
}

Status DirectoryParts::read_markers(const std::vector<dht::Record>& records, PartState& state) {
  for (const dht::Record& record : records) {
    if (name_in(record.key, RecordKind::part)) state.header = record.version;
    if (name_in(record.key, RecordKind::fork)) {
      ASSIGN_OR_RETURN(PartFork fork, decode_record<PartFork>(record.value));
      state.fork = record.version;
      state.moving = fork.moving;
    }
    if (name_in(record.key, RecordKind::pulse)) {
      ASSIGN_OR_RETURN(Pulse pulse, decode_record<Pulse>(record.value));
      state.pulse = pulse.at;
    }
  }
  return Status();
}

Task<Result<PartState>> DirectoryParts::look(Id directory, Part part, Duration timeout) {
  PartState state;
  state.part = part;
  state.place = place_of(directory, part);
  dht::ScanLimits limits;
  CO_ASSIGN_OR_RETURN(dht::Page page, co_await records_.scan(state.place, begin_of(RecordKind::part),
                                                             end_of(RecordKind::pulse), limits, timeout));
  CO_RETURN_IF_ERROR(read_markers(page.records, state));
  co_return state;
}

void DirectoryParts::remember(const Id& directory, const PartState& state) {
  if (state.fork == 0) {
    auto hints = hints_.find(directory);
    if (hints == hints_.end()) return;
    hints->second.erase(state.part);
    if (hints->second.empty()) hints_.erase(hints);
    return;
  }
  if (!hints_.contains(directory) && hints_.size() >= options_.hints_max) hints_.erase(hints_.begin());
  hints_[directory][state.part] = state.moving;
}

Task<Status> DirectoryParts::relocate(Id directory, Part part, Duration timeout) {
  while (true) {
    CO_ASSIGN_OR_RETURN(PartState state, co_await look(directory, part, timeout));
    remember(directory, state);
    if (state.header != 0 || state.fork != 0) co_return Status();
    if (part.depth == 0) {
      forget(directory);
      co_return Error(Code::not_found, "there is no such directory any more");
    }
    part = part.parent();
  }
}

Task<Result<std::vector<PartState>>> DirectoryParts::all(Id directory, Duration timeout) {
  std::vector<PartState> found;
  std::vector<Part> todo(1);
  while (!todo.empty()) {
    Part part = todo.back();
    todo.pop_back();
    CO_ASSIGN_OR_RETURN(PartState state, co_await look(directory, part, timeout));
    remember(directory, state);
    if (state.header == 0 && state.fork == 0) {
      if (part.depth == 0) co_return Error(Code::not_found, "there is no such directory");
      // It was collapsed while we looked.
      found.clear();
      todo.assign(1, Part());
      continue;
    }
    found.push_back(state);
    if (state.fork == 0) continue;
    todo.push_back(part.child_of(1));
    todo.push_back(part.child_of(0));
  }
  co_return found;
}

void DirectoryParts::collect(const Forks* forks, const Id& directory, Part part, std::vector<PartState>& out) const {
  auto fork = forks->find(part);
  bool forked = fork != forks->end();
  if (!forked || fork->second) {
    PartState state;
    state.part = part;
    state.place = place_of(directory, part);
    state.moving = forked;
    out.push_back(state);
  }
  if (!forked) return;
  collect(forks, directory, part.child_of(0), out);
  collect(forks, directory, part.child_of(1), out);
}

std::vector<PartState> DirectoryParts::remembered(const Id& directory) const {
  static const Forks kNone;
  auto hints = hints_.find(directory);
  const Forks* forks = &kNone;
  if (hints != hints_.end()) forks = &hints->second;
  std::vector<PartState> out;
  collect(forks, directory, Part(), out);
  return out;
}

}  // namespace vortex::node
