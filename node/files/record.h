// Every record of the file system begins with one byte that says its format, so that a newer node can read what an
// older one wrote.
#pragma once

#include <string>

#include "base/codec.h"

namespace vortex::node {

// Of a record type T with T::kFormat.
template <class T>
ByteVector encode_record(const T& record) {
  ByteVector out;
  out.push_back(T::kFormat);
  Encoder encoder(out);
  encoder.put(record);
  return out;
}

// `damaged` when these are not the bytes of one T, `unsupported_version` when a newer program wrote them.
template <class T>
Result<T> decode_record(ByteView bytes) {
  if (bytes.empty()) return Error(Code::damaged, "a record without a byte");
  if (bytes.front() > T::kFormat)
    return Error(Code::unsupported_version, "a record of format " + std::to_string(bytes.front()));
  if (bytes.front() == 0) return Error(Code::damaged, "a record of format 0");
  auto record = decode<T>(bytes.subspan(1));
  if (!record.ok()) return Error(Code::damaged, std::string(record.error().message()));
  return std::move(*record);
}

}  // namespace vortex::node
