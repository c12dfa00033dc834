// A queue in one block of memory: what a std::deque is, without its 500 bytes a queue.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace vortex::sim {

template <class T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t index) { return items_[(first_ + index) & (items_.size() - 1)]; }
  T& front() { return items_[first_]; }
  T& back() { return (*this)[size_ - 1]; }

  T& push_back(T item) {
    if (size_ == items_.size()) grow();
    T& place = (*this)[size_++];
    place = std::move(item);
    return place;
  }
  T pop_front() {
    T item = std::exchange(items_[first_], T());
    first_ = (first_ + 1) & (items_.size() - 1);
    --size_;
    return item;
  }
  void pop_back() {
    back() = T();
    --size_;
  }
  void clear() {
    items_.clear();
    first_ = size_ = 0;
  }

 private:
  void grow() {
    std::vector<T> larger(items_.empty() ? 2 : 2 * items_.size());
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    items_ = std::move(larger);
    first_ = 0;
  }
  std::vector<T> items_;  // a power of two, or none
  std::size_t first_ = 0, size_ = 0;
};

}  // namespace vortex::sim
