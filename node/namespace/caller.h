// Who asks, and what his access key lets him do where.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node/files/path.h"

namespace vortex::node {

enum class Right : std::uint8_t { read = 1, write = 2, admin = 4 };
constexpr std::uint8_t bit(Right right) { return static_cast<std::uint8_t>(right); }

struct Permission {
  Path prefix;
  std::uint8_t rights = 0;  // bits of Right; `write` does not imply `read`, `admin` implies both
};

struct Caller {
  std::string name;  // of the access key, for messages
  std::vector<Permission> permissions;
  // Whose files he makes.
  std::uint32_t uid = 0, gid = 0;

  // May do everything everywhere: the root key, and members on their own behalf.
  static Caller root();
  bool may(Right right, const Path& path) const;
};

}  // namespace vortex::node
