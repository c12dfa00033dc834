#include "node/upkeep/led_records.h"

#include <optional>

#include "dht/partition/machine.h"

namespace vortex::node {

std::vector<dht::PartitionNumber> HostRecords::led() const {
  std::vector<dht::PartitionNumber> led;
  for (dht::groups::GroupId group : host_.groups()) {
    auto view = host_.view(group);
    if (view && view->role == dht::raft::Role::leader) led.push_back(group);
  }
  return led;
}

const dht::Partition* HostRecords::state(dht::PartitionNumber partition) const {
  auto view = host_.view(partition);
  if (!view || view->role != dht::raft::Role::leader) return nullptr;
  const auto* machine = static_cast<const dht::PartitionMachine*>(host_.machine(partition));
  return machine ? &machine->state() : nullptr;
}

std::vector<LedRecords::Newest> HostRecords::held() const {
  std::vector<Newest> held;
  for (dht::groups::GroupId group : host_.groups()) {
    auto view = host_.view(group);
    if (view && !view->damaged) held.emplace_back(group, view->applied);
  }
  return held;
}

Task<Status> walk_records(Env& env, const LedRecords& records, dht::PartitionNumber partition, dht::Key from,
                          VisitRecord visit) {
  while (true) {
    const dht::Partition* state = records.state(partition);
    if (!state) co_return Code::not_leader;
    std::size_t seen = 0;
    bool more = false, wanted = true;
    auto take = [&](const dht::PackedRecord& record) {
      if (seen++ == kWalkSlice) {
        from = record.key().copy();
        more = true;
        return false;
      }
      wanted = visit(record);
      return wanted;
    };
    state->records().visit(from, take);
    if (!more || !wanted) co_return Status();
    CO_RETURN_IF_ERROR(co_await sleep_for(env, kWalkPause));
  }
}

}  // namespace vortex::node
