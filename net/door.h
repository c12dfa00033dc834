// Who may begin a handshake, and when. Handshakes cost processor time before anything is proven, so their rate is
// bounded: for each host, and for all hosts together from which no member has ever come.
#pragma once

#include <map>
#include <string>

#include "base/token_bucket.h"
#include "net/member_hosts.h"

namespace vortex::net {

class Door {
 public:
  Door(Env& env, const MemberHosts& members);

  struct Host {
    Host(Env& env, std::string k) : key(std::move(k)), turns(env, kHostHandshakesPerSecond, kHostHandshakesAtOnce) {}
    const std::string key;
    TokenBucket turns;
    std::size_t handshakes = 0;  // of this host, waiting ones too; as long as there are any it stays
  };

  // Counts a handshake of this host; leave() takes it off again.
  Host& arrive(const std::string& host);
  void leave(Host& host) { --host.handshakes; }
  bool knows(const Host& host) const { return members_.contains(host.key); }

  // What a handshake has to wait for.
  enum class Owed { nothing, strangers, all };
  // Takes what is there for it now.
  Owed knock(Host& host);
  // Waits for the rest. Fails only with `cancelled`.
  Task<Status> turn(Host& host, Owed owed);

  std::size_t hosts() const { return hosts_.size(); }

 private:
  Env& env_;
  const MemberHosts& members_;
  TokenBucket strangers_;
  std::map<std::string, Host> hosts_;
};

}  // namespace vortex::net
