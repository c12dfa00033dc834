#include "dht/partition/sessions.h"

#include <algorithm>

#include "dht/partition/limits.h"

namespace vortex::dht {

std::vector<std::uint64_t> Sessions::open(std::uint64_t session) {
  std::vector<std::uint64_t> gone;
  while (sessions_.size() >= kSessionsMax) {
    gone.push_back(by_use_.front());
    close(by_use_.front());
  }
  Session& made = sessions_[session];
  made.place = by_use_.insert(by_use_.end(), session);
  return gone;
}

bool Sessions::close(std::uint64_t session) {
  auto at = sessions_.find(session);
  if (at == sessions_.end()) return false;
  by_use_.erase(at->second.place);
  outcomes_ -= at->second.outcomes.size();
  sessions_.erase(at);
  return true;
}

std::uint64_t Sessions::acknowledged(std::uint64_t session) const {
  auto at = sessions_.find(session);
  return at == sessions_.end() ? 0 : at->second.base;
}

Sessions::Look Sessions::look(OperationId operation, std::uint64_t acknowledged) {
  auto at = sessions_.find(operation.session);
  if (at == sessions_.end()) return Look();
  Session& session = at->second;
  by_use_.splice(by_use_.end(), by_use_, session.place);
  // Nothing is acknowledged before it was given a number, and numbers are given within the window.
  acknowledged = std::min(acknowledged, session.base + kSessionWindow);
  for (; session.base < acknowledged; ++session.base) {
    if (session.outcomes.empty()) continue;
    session.outcomes.pop_front();
    --outcomes_;
  }
  Look look;
  const std::uint64_t ahead = operation.sequence - session.base;
  if (operation.sequence < session.base) {
    look.seen = Seen::ended;
  } else if (ahead >= kSessionWindow) {
    look.seen = Seen::beyond;
  } else if (ahead >= session.outcomes.size() || session.outcomes[ahead] == kFresh) {
    look.seen = Seen::fresh;
  } else {
    look.version = session.outcomes[ahead];
    look.seen = look.version == 0 ? Seen::ended : Seen::done;
  }
  return look;
}

void Sessions::remember(OperationId operation, Version version) {
  auto at = sessions_.find(operation.session);
  CHECK(at != sessions_.end() && operation.sequence >= at->second.base);
  Session& session = at->second;
  const std::uint64_t ahead = operation.sequence - session.base;
  CHECK(ahead < kSessionWindow);
  if (session.outcomes.size() <= ahead) {
    outcomes_ += ahead + 1 - session.outcomes.size();
    session.outcomes.resize(ahead + 1, kFresh);
  }
  session.outcomes[ahead] = version;
}

void Sessions::encode(Encoder& out) const {
  out.put(static_cast<std::uint32_t>(by_use_.size()));
  for (std::uint64_t number : by_use_) {
    const Session& session = sessions_.at(number);
    out.put(number);
    out.put(session.base);
    out.put(static_cast<std::uint32_t>(session.outcomes.size()));
    for (Version version : session.outcomes) out.put(version);
  }
}

bool Sessions::decode(Decoder& in) {
  sessions_.clear();
  by_use_.clear();
  outcomes_ = 0;
  std::uint32_t count = 0;
  in.get(count);
  if (count > kSessionsMax) return false;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    std::uint64_t number = 0;
    std::uint32_t outcomes = 0;
    Session session;
    in(number, session.base, outcomes);
    if (!in.ok() || number == 0 || outcomes > kSessionWindow || sessions_.contains(number)) return false;
    for (std::uint32_t k = 0; k < outcomes; ++k) in.get(session.outcomes.emplace_back());
    outcomes_ += outcomes;
    session.place = by_use_.insert(by_use_.end(), number);
    sessions_.emplace(number, std::move(session));
  }
  return in.ok();
}

}  // namespace vortex::dht
