#include "node/namespace/caller.h"

namespace vortex::node {

Caller Caller::root() {
  Caller caller;
  caller.name = "root";
  Permission everything;
  everything.rights = bit(Right::admin);
  caller.permissions.push_back(everything);
  return caller;
}

bool Caller::may(Right right, const Path& path) const {
  for (const Permission& permission : permissions) {
    bool allows = (permission.rights & (bit(right) | bit(Right::admin))) != 0;
    if (allows && permission.prefix.covers(path)) return true;
  }
  return false;
}

}  // namespace vortex::node
