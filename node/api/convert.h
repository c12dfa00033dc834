// Between the public API's types and the library's own.
#pragma once

#define VORTEX_OWN_SOURCES
#include "base/result.h"
#include "node/api/vortex.h"
#include "node/client/remote_names.h"

namespace vortex::api {

Error to_public(const vortex::Error& error);
Version version_of(const node::Inode& inode);
FileInfo info_of(const node::Inode& inode);
node::FileTime file_time(Time time);
node::AttributeChange change_of(AttributeChange change);

inline ByteView view_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

// A callback of the public kind as one of the library's, with `convert` in between.
template <class T, class U, class Convert>
std::function<void(vortex::Result<U>)> answer_to(Done<T> done, Convert convert) {
  return [done = std::move(done), convert](vortex::Result<U> result) {
    if (!result.ok()) return done(to_public(result.error()));
    done(convert(std::move(*result)));
  };
}

}  // namespace vortex::api
