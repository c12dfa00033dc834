#include "node/namespace/caller.h"

namespace vortex::node {

Caller Caller::root() {
  Caller caller;
  caller.name = "a member";
  caller.rights = std::make_shared<const Rights>(Rights::everything());
  return caller;
}

bool Caller::may(Permission permission, const Path& path) const {
  return rights && rights->allow(permission, path.to_string());
}

Status Caller::may_take(const Path& from, const Path& to) const {
  if (rights && !rights->reveal(from.to_string(), to.to_string())) return Status();
  return Error(Code::permission_denied,
               name + " may not read " + from.to_string() + ", and could read it as " + to.to_string());
}

void Caller::own(Attributes& attributes) const {
  if (attributes.uid == 0) attributes.uid = uid;
  if (attributes.gid == 0) attributes.gid = gid;
}

}  // namespace vortex::node
