// Handlers by the types of their method: what Dispatcher::on() makes of a function, and how they answer. Apart from
// dispatcher.h because it needs to know what a channel is; comes with channel.h.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "net/channel.h"

namespace vortex::net {

template <class Method>
void Channel::answer(std::uint64_t request, Result<Reply<Method>> result) {
  const MethodInfo& method = Method::kInfo;
  if (!open()) return;
  if (!result.ok()) return answer_error(method, request, result.error());
  if (result->payload.size() > method.response_payload_max)
    return answer_error(method, request, Error(Code::too_large, "payload over the method's limit"));
  FrameHeader header = answer_header(Kind::response, method, request, !result->payload.empty());
  std::size_t before = outbox_.bytes();
  Status added = outbox_.add(method.priority, header, result->response, method.body_max, std::move(result->payload),
                             answer_room());
  if (!added.ok()) return answer_failed(method, request, std::move(added).error());
  answer_queued(outbox_.bytes() - before);
}

template <class Method>
void Channel::finish(std::uint64_t request, Result<Reply<Method>> result) {
  if (end_serving(request)) answer<Method>(request, std::move(result));
}

namespace detail {

template <class T>
struct TaskValue : std::false_type {};
template <class T>
struct TaskValue<Task<T>> : std::true_type {};

template <class F, class Request>
constexpr bool is_task_handler() {
  if constexpr (std::is_invocable_v<const F&, Context, Request>) {
    return TaskValue<std::invoke_result_t<const F&, Context, Request>>::value;
  } else {
    return false;
  }
}

template <class Method, class F>
class InlineHandler final : public Handler {
 public:
  explicit InlineHandler(F f) : function_(std::move(f)) {}
  Status serve(Channel& channel, Context context, ByteView body) const override {
    ASSIGN_OR_RETURN(auto request, decode<typename Method::Request>(body));
    std::uint64_t id = context.request;
    auto result = function_(context, request);
    if (!result.ok()) {
      channel.answer<Method>(id, std::move(result).error());
    } else {
      channel.answer<Method>(id, Reply<Method>(std::move(*result)));
    }
    return Status();
  }

 private:
  F function_;
};

template <class Method, class F>
class TaskHandler final : public Handler {
 public:
  explicit TaskHandler(F f) : function_(std::move(f)) {}
  Status serve(Channel& channel, Context context, ByteView body) const override {
    ASSIGN_OR_RETURN(auto request, decode<typename Method::Request>(body));
    std::uint64_t id = context.request;
    Instant deadline = context.deadline;
    Task<void> task = run(channel, id, function_(std::move(context), std::move(request)));
    channel.spawn(id, Method::kInfo, deadline, std::move(task));
    return Status();
  }

 private:
  template <class Answer>
  static Task<void> run(Channel& channel, std::uint64_t id, Task<Result<Answer>> task) {
    auto result = co_await std::move(task);
    if (!result.ok()) {
      channel.finish<Method>(id, std::move(result).error());
    } else {
      channel.finish<Method>(id, Reply<Method>(std::move(*result)));
    }
  }
  F function_;
};

}  // namespace detail

template <class Method, class F>
void Dispatcher::on(F handler) {
  using Request = typename Method::Request;
  if constexpr (detail::is_task_handler<F, Request>()) {
    add(Method::kInfo.number, std::make_unique<detail::TaskHandler<Method, F>>(std::move(handler)));
  } else {
    using Returned = std::invoke_result_t<const F&, Context&, Request&>;
    static_assert(!detail::TaskValue<Returned>::value, "a coroutine takes its parameters by value");
    add(Method::kInfo.number, std::make_unique<detail::InlineHandler<Method, F>>(std::move(handler)));
  }
}

}  // namespace vortex::net
