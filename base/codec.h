// Encode and decode: explicit little-endian, bounded before allocating, trailing bytes refused.
// A struct names its fields once, with VORTEX_FIELDS(a, b, c), and can then travel or be stored.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/endian.h"
#include "base/id.h"
#include "base/result.h"

// Inside a struct: the fields that travel, in their order on the wire. Only ever append, behind a version.
#define VORTEX_FIELDS(...)              \
  template <class Visitor>              \
  void visit_fields(Visitor& v) {       \
    v(__VA_ARGS__);                     \
  }                                     \
  template <class Visitor>              \
  void visit_fields(Visitor& v) const { \
    v(__VA_ARGS__);                     \
  }

namespace vortex {

// An enum that travels says its highest value through this function, found by argument-dependent lookup:
//   constexpr Health max_enum_value(Health) { return Health::dead; }
template <class E>
concept WireEnum = std::is_enum_v<E> && requires(E e) {
  max_enum_value(e);
};

class Encoder {
 public:
  explicit Encoder(ByteVector& out) : out_(out) {}

  template <class... Fields>
  void operator()(const Fields&... fields) {
    (put(fields), ...);
  }

  void put_raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  // LEB128, for numbers that are usually small.
  void put_varint(std::uint64_t value);

  template <class T>
  void put(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      out_.push_back(value ? 1 : 0);
    } else if constexpr (std::is_integral_v<T>) {
      put_integer(value);
    } else if constexpr (std::is_enum_v<T>) {
      static_assert(WireEnum<T>, "an enum that travels needs max_enum_value()");
      put_integer(static_cast<std::underlying_type_t<T>>(value));
    } else {
      value.visit_fields(*this);
    }
  }
  void put(const std::string& text) { put_sized(as_bytes(text)); }
  void put(const ByteVector& bytes) { put_sized(bytes); }
  void put(const Id& id) { put_raw(id.bytes); }
  template <std::size_t N>
  void put(const std::array<std::uint8_t, N>& bytes) {
    put_raw(bytes);
  }
  template <class T>
  void put(const std::vector<T>& list) {
    put_integer(static_cast<std::uint32_t>(list.size()));
    for (const T& item : list) put(item);
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class A, class B>
  void put(const std::pair<A, B>& value) {
    put(value.first);
    put(value.second);
  }

 private:
  template <class T>
  void put_integer(T value) {
    std::size_t at = out_.size();
    out_.resize(at + sizeof(T));
    store_le(out_.data() + at, value);
  }
  void put_sized(ByteView bytes) {
    put_integer(static_cast<std::uint32_t>(bytes.size()));
    put_raw(bytes);
  }
  ByteVector& out_;
};

// Reads what an Encoder wrote. The first malformed field makes it fail for good; every later read gives zeros.
// Lists may take kMemoryFactor bytes for each byte of the input, and kMemoryBase more: a byte that stands for "absent"
// must not become a large object a million times.
class Decoder {
 public:
  static constexpr std::size_t kMemoryFactor = 16;
  static constexpr std::size_t kMemoryBase = std::size_t(1) << 20;

  explicit Decoder(ByteView in) : rest_(in), memory_left_(kMemoryBase + kMemoryFactor * in.size()) {}

  bool ok() const { return ok_; }
  std::size_t left() const { return rest_.size(); }
  void fail() {
    ok_ = false;
    rest_ = ByteView();
  }
  // Everything was read and nothing is left.
  bool finished() const { return ok_ && rest_.empty(); }

  template <class... Fields>
  void operator()(Fields&... fields) {
    (get(fields), ...);
  }

  // A view into the input, empty after a failure.
  ByteView take(std::size_t size);
  std::uint64_t get_varint();

  template <class T>
  void get(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      std::uint8_t byte = get_integer<std::uint8_t>();
      if (byte > 1) fail();
      value = byte == 1;
    } else if constexpr (std::is_integral_v<T>) {
      value = get_integer<T>();
    } else if constexpr (std::is_enum_v<T>) {
      static_assert(WireEnum<T>, "an enum that travels needs max_enum_value()");
      using Number = std::underlying_type_t<T>;
      Number number = get_integer<Number>();
      if (number > static_cast<Number>(max_enum_value(T()))) fail();
      value = ok_ ? static_cast<T>(number) : T();
    } else {
      value.visit_fields(*this);
    }
  }
  void get(std::string& text) { text = std::string(as_text(take_sized())); }
  void get(ByteVector& bytes) { bytes = to_vector(take_sized()); }
  void get(Id& id) { get(id.bytes); }
  template <std::size_t N>
  void get(std::array<std::uint8_t, N>& bytes) {
    ByteView from = take(N);
    if (ok_) std::memcpy(bytes.data(), from.data(), N);
  }
  template <class T>
  void get(std::vector<T>& list) {
    list.clear();
    std::uint32_t count = get_integer<std::uint32_t>();
    // Every item takes at least a byte, so a count beyond what is left is a lie.
    if (count > rest_.size() || count > memory_left_ / sizeof(T)) fail();
    if (!ok_) return;
    memory_left_ -= count * sizeof(T);
    list.reserve(count);
    for (std::uint32_t i = 0; ok_ && i < count; ++i) get(list.emplace_back());
    if (!ok_) list.clear();
  }
  template <class T>
  void get(std::optional<T>& value) {
    bool present = false;
    get(present);
    if (ok_ && present) {
      get(value.emplace());
    } else {
      value.reset();
    }
  }
  template <class A, class B>
  void get(std::pair<A, B>& value) {
    get(value.first);
    get(value.second);
  }

 private:
  template <class T>
  T get_integer() {
    ByteView from = take(sizeof(T));
    return ok_ ? load_le<T>(from.data()) : T();
  }
  ByteView take_sized() { return take(get_integer<std::uint32_t>()); }

  ByteView rest_;
  std::size_t memory_left_;  // that lists may still take
  bool ok_ = true;
};

template <class T>
ByteVector encode(const T& value) {
  ByteVector out;
  Encoder encoder(out);
  encoder.put(value);
  return out;
}

// The whole input must be one T.
template <class T>
Result<T> decode(ByteView in) {
  T value{};
  Decoder decoder(in);
  decoder.get(value);
  if (!decoder.finished())
    return Error(Code::bad_message, decoder.ok() ? "trailing bytes" : "fields cut short or impossible");
  return value;
}

}  // namespace vortex
