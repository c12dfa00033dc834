// What is known about a method without knowing its messages: one row of the message table.
#pragma once

#include <cstdint>
#include <span>

namespace vortex::net {

// Who is at the other end of a connection, as the handshake has proven.
enum class Role : std::uint8_t {
  stranger,  // nothing proven
  joiner,    // holds a join token
  client,    // holds an access key
  member,    // holds the cluster secret
};
constexpr Role max_enum_value(Role) { return Role::member; }
const char* to_string(Role role);

// Whom a method is open to. A member may call everything.
enum class Caller : std::uint8_t { anyone, joiner, client, member };

// Order of leaving. `bulk` travels on a connection of its own.
enum class Priority : std::uint8_t { control, normal, bulk };
inline constexpr int kPriorities = 3;

// What finds a payload hurt on its way.
enum class PayloadSum : std::uint8_t {
  frame,  // the frame header carries XXH3 of the payload, and the receiver checks it
  own,    // the bytes carry sums of their own, which whoever takes them must check; the frame carries none
};

struct MethodInfo {
  std::uint16_t number;
  const char* name;
  std::uint32_t body_max;  // of request and response
  std::uint32_t request_payload_max;
  std::uint32_t response_payload_max;
  PayloadSum payload_sum;
  bool idempotent;  // executing it twice is as good as once, so a caller may send it again
  Caller caller;
  Priority priority;
};

// Null when the table has no such number.
const MethodInfo* find_method(std::uint16_t number);
// In the order of their numbers.
std::span<const MethodInfo> all_methods();

constexpr bool may_call(Role role, Caller caller) {
  switch (caller) {
    case Caller::anyone:
      return true;
    case Caller::joiner:
      return role == Role::joiner || role == Role::member;
    case Caller::client:
      return role == Role::client || role == Role::member;
    case Caller::member:
      return role == Role::member;
  }
  return false;
}

}  // namespace vortex::net
