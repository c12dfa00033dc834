// Result<T>: a value or an Error. What can go wrong in a correct program is returned, never thrown.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/error.h"

namespace vortex {

template <class T = void>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)
  Result(Code code) : Result(Error(code)) {}                                 // NOLINT(google-explicit-constructor)
  template <class U>
  requires(std::is_constructible_v<T, U&&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
           !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Code> &&
           !std::is_same_v<std::remove_cvref_t<U>, T>) Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return checked(); }
  const T& value() const& { return const_cast<Result*>(this)->checked(); }
  T&& value() && { return std::move(checked()); }
  T& operator*() & { return checked(); }
  const T& operator*() const& { return const_cast<Result*>(this)->checked(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &const_cast<Result*>(this)->checked(); }

  const Error& error() const& {
    CHECK(!ok());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    CHECK(!ok());
    return std::move(*std::get_if<1>(&state_));
  }
  // The code of a failure, nothing on success: `if (r.is(Code::not_found))`.
  bool is(Code code) const { return !ok() && error().is(code); }

 private:
  T& checked() {
    CHECK_MSG(ok(), error().to_string());
    return *std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  Result(Code code) : error_(Error(code)) {}         // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    CHECK(!ok());
    return *error_;
  }
  Error&& error() && {
    CHECK(!ok());
    return std::move(*error_);
  }
  bool is(Code code) const { return !ok() && error_->is(code); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace vortex

// Leave the function with the error, if there is one. The CO_ forms are for coroutines; their expression may
// hold a co_await (of a call whose arguments obey the coroutine rules in STYLE).
#define VORTEX_CAT_(a, b) a##b
#define VORTEX_CAT(a, b) VORTEX_CAT_(a, b)

#define RETURN_IF_ERROR(...)                                            \
  do {                                                                  \
    auto vortex_status_ = __VA_ARGS__;                                  \
    if (!vortex_status_.ok()) return std::move(vortex_status_).error(); \
  } while (false)

#define CO_RETURN_IF_ERROR(...)                                            \
  do {                                                                     \
    auto vortex_status_ = __VA_ARGS__;                                     \
    if (!vortex_status_.ok()) co_return std::move(vortex_status_).error(); \
  } while (false)

//   ASSIGN_OR_RETURN(auto file, open(path));
#define ASSIGN_OR_RETURN(target, ...) \
  ASSIGN_OR_RETURN_(VORTEX_CAT(vortex_result_, __LINE__), return, target, __VA_ARGS__)
#define CO_ASSIGN_OR_RETURN(target, ...) \
  ASSIGN_OR_RETURN_(VORTEX_CAT(vortex_result_, __LINE__), co_return, target, __VA_ARGS__)
#define ASSIGN_OR_RETURN_(result, leave, target, ...) \
  auto result = __VA_ARGS__;                          \
  if (!result.ok()) leave std::move(result).error();  \
  target = std::move(result).value()
