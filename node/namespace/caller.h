// Who asks, and what his access key lets him do where.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "node/access/rights.h"
#include "node/files/inode.h"
#include "node/files/path.h"

namespace vortex::node {

struct Caller {
  std::string name;  // for messages
  std::string key;   // id of the access key; empty for a member
  std::shared_ptr<const Rights> rights;
  // Whose files he makes.
  std::uint32_t uid = 0, gid = 0;

  // May do everything: a member, on its own behalf.
  static Caller root();
  bool may(Permission permission, const Path& path) const;
  // `permission_denied` when he could read there what he may not read here: writing does not imply reading.
  Status may_take(const Path& from, const Path& to) const;
  // What he makes is his, unless he says whose it is.
  void own(Attributes& attributes) const;
};

}  // namespace vortex::node
