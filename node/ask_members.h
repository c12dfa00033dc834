// One question to all other members that live, for what only all of them together know.
#pragma once

#include <algorithm>
#include <utility>

#include "base/env.h"
#include "base/finish.h"
#include "dht/joining/membership.h"
#include "net/peers.h"

namespace vortex::node {

// Less than whoever asks waits, so that he gets what there is when one node does not answer.
inline constexpr Duration kMembersAnswerWithin = seconds(2);

// `take` gets each answer as it comes. Who does not answer in time, or with an error, is left out.
template <class Method, class Take>
Task<void> ask_members(Env& env, dht::Membership& membership, typename Method::Request request, Instant deadline,
                       Take take) {
  auto ask = [](dht::Membership& from, net::Target target, typename Method::Request with, Duration patience,
                Take& into) -> Task<void> {
    auto reply = co_await from.peers().template call<Method>(target, std::move(with), net::CallOptions(patience));
    if (reply.ok()) into(std::move(reply->response));
  };
  Duration patience = std::min(kMembersAnswerWithin, (deadline - env.now()) / 2);
  TaskGroup others(env.loop());
  membership.directory().for_each([&](const dht::Member& member) {
    bool wanted = dht::belongs(member.standing) && member.health != dht::Health::dead;
    if (!wanted || member.id == membership.id()) return;
    others.spawn(ask(membership, net::Target(member.id, member.address), request, patience, take));
  });
  co_await finish(others);
}

}  // namespace vortex::node
