// A reference to something that counts its references itself; for one loop's thread.
#pragma once

#include <cstdint>
#include <utility>

namespace vortex::dht {

// T has a member `references` (of a new object: 0) and a static function destroy(T*).
template <class T>
class Counted {
 public:
  Counted() = default;
  explicit Counted(T* object) : object_(object) { take(); }
  Counted(const Counted& other) : object_(other.object_) { take(); }
  Counted(Counted&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Counted& operator=(Counted other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Counted() {
    if (object_ && --object_->references == 0) T::destroy(object_);
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool shared() const { return object_->references > 1; }

 private:
  void take() {
    if (object_) ++object_->references;
  }
  T* object_ = nullptr;
};

}  // namespace vortex::dht
