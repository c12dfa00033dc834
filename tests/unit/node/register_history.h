// Is a history of operations on one name one that could have happened one after the other?
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace vortex::node {

// What the name holds is a number; 0: there is no such file.
struct RegisterOperation {
  enum class Kind { put, put_absent, remove, read };
  Kind kind = Kind::read;
  std::uint64_t value = 0;  // put, or read; 0: not found
  bool refused = false;     // exists, or not found
  std::int64_t begun = 0, ended = 0;
  bool known = true;  // otherwise it may have happened at any time after it began, or never
};

class RegisterHistory {
 public:
  explicit RegisterHistory(std::vector<RegisterOperation> operations) : operations_(std::move(operations)) {}

  bool linearizable() { return operations_.size() <= 64 && search(0, 0); }

 private:
  // The state after the operation, if it can have given what it gave.
  static std::optional<std::uint64_t> apply(const RegisterOperation& operation, std::uint64_t state) {
    using Kind = RegisterOperation::Kind;
    switch (operation.kind) {
      case Kind::read:
        return operation.value == state ? std::optional(state) : std::nullopt;
      case Kind::put:
        return operation.value;
      case Kind::put_absent:
        if (operation.known && operation.refused != (state != 0)) return std::nullopt;
        return state != 0 ? state : operation.value;
      case Kind::remove:
        if (operation.known && operation.refused != (state == 0)) return std::nullopt;
        return 0;
    }
    return std::nullopt;
  }

  bool search(std::uint64_t done, std::uint64_t state) {
    if (!seen_.emplace(done, state).second) return false;
    bool left = false;
    std::int64_t first_end = INT64_MAX;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if ((done >> i & 1) != 0 || !operations_[i].known) continue;
      left = true;
      first_end = std::min(first_end, operations_[i].ended);
    }
    if (!left) return true;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      // One that began after another has ended cannot come before it.
      if ((done >> i & 1) != 0 || operations_[i].begun > first_end) continue;
      auto next = apply(operations_[i], state);
      if (next && search(done | std::uint64_t(1) << i, *next)) return true;
    }
    return false;
  }

  std::vector<RegisterOperation> operations_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen_;
};

}  // namespace vortex::node
