// Bytes: views, owned vectors, and the reference-counted aligned buffers in which bulk data travels.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vortex {

using ByteView = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;
using ByteVector = std::vector<std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline ByteVector to_vector(ByteView bytes) { return {bytes.begin(), bytes.end()}; }
bool equal(ByteView a, ByteView b);
// Takes the same time wherever the two differ; for proofs and keys.
bool equal_constant_time(ByteView a, ByteView b);

std::string to_hex(ByteView bytes);
// False when the text is not exactly 2 × out.size() hexadecimal digits.
bool from_hex(std::string_view text, MutableBytes out);

// A slice of a reference-counted block aligned to 4 KiB. Copying a Buffer copies the reference, not the bytes.
// Invariant: whoever made the block fills it before sharing it; a shared block is never written again.
class Buffer {
 public:
  static constexpr std::size_t kAlignment = 4096;

  Buffer() = default;
  // Uninitialised bytes.
  static Buffer allocate(std::size_t size);
  static Buffer copy_of(ByteView bytes);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const std::uint8_t* data() const { return data_; }
  ByteView view() const { return {data_, size_}; }
  operator ByteView() const { return view(); }  // NOLINT(google-explicit-constructor)
  // For the one who fills it, before it is shared.
  MutableBytes writable() { return {data_, size_}; }
  Buffer slice(std::size_t offset, std::size_t length) const;

 private:
  struct Free {
    explicit Free(std::size_t bytes) : size(bytes) {}
    std::size_t size;
    void operator()(std::uint8_t* block) const;
  };
  std::shared_ptr<std::uint8_t> block_;
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace vortex
