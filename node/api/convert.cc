#include "node/api/convert.h"

namespace vortex::api {

#define X(name, number, exit_status, retry, text)        \
  static_assert(static_cast<int>(Code::name) == number); \
  static_assert(static_cast<int>(vortex::Code::name) == number);
VORTEX_ERRORS(X)
#undef X

Error to_public(const vortex::Error& error) {
  const CodeInfo& info = code_info(error.code());
  Error out;
  out.code = static_cast<Code>(info.code);
  out.name = info.name;
  out.message = std::string(error.message());
  out.retry_may_help = info.retry_may_help;
  return out;
}

Version version_of(const node::Inode& inode) {
  Version version;
  version.number = inode.version;
  version.etag = to_hex(inode.etag);
  return version;
}

FileInfo info_of(const node::Inode& inode) {
  FileInfo info;
  if (inode.type == node::FileType::directory) info.type = FileType::directory;
  if (inode.type == node::FileType::symlink) info.type = FileType::symlink;
  info.size = inode.size;
  info.version = version_of(inode);
  info.mode = inode.attributes.mode;
  info.uid = inode.attributes.uid;
  info.gid = inode.attributes.gid;
  info.links = inode.links;
  info.modified = Time(std::chrono::nanoseconds(inode.attributes.modified));
  info.target = inode.target;
  for (const node::Xattr& xattr : inode.attributes.xattrs) {
    auto bytes = std::as_bytes(std::span(xattr.value));
    info.xattrs[xattr.name] = Bytes(bytes.begin(), bytes.end());
  }
  return info;
}

node::FileTime file_time(Time time) { return time.time_since_epoch().count(); }

node::AttributeChange change_of(AttributeChange change) {
  node::AttributeChange out;
  out.mode = change.mode;
  out.uid = change.uid;
  out.gid = change.gid;
  if (change.modified) out.modified = file_time(*change.modified);
  for (auto& [name, value] : change.set_xattrs) {
    node::Xattr& xattr = out.xattrs.emplace_back();
    xattr.name = name;
    xattr.value = to_vector(view_of(value));
  }
  out.xattrs_gone = std::move(change.remove_xattrs);
  return out;
}

}  // namespace vortex::api
