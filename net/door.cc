#include "net/door.h"

namespace vortex::net {

Door::Door(Env& env, const MemberHosts& members)
    : env_(env), members_(members), strangers_(env, kStrangerHandshakesPerSecond, kStrangerHandshakesAtOnce) {}

Door::Host& Door::arrive(const std::string& host) {
  std::string key = host_key(host);
  auto found = hosts_.find(key);
  if (found == hosts_.end()) {
    // What is forgotten here is only how much each of them has used of its turns.
    if (hosts_.size() >= kHostsMax) std::erase_if(hosts_, [](const auto& one) { return one.second.handshakes == 0; });
    found = hosts_.try_emplace(key, env_, key).first;
  }
  ++found->second.handshakes;
  return found->second;
}

Door::Owed Door::knock(Host& host) {
  if (!host.turns.try_take(1)) return Owed::all;
  return knows(host) || strangers_.try_take(1) ? Owed::nothing : Owed::strangers;
}

Task<Status> Door::turn(Host& host, Owed owed) {
  if (owed == Owed::all) CO_RETURN_IF_ERROR(co_await host.turns.take(1));
  if (owed == Owed::nothing || knows(host)) co_return Status();
  co_return co_await strangers_.take(1);
}

}  // namespace vortex::net
