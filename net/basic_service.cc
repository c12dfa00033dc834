#include "net/basic_service.h"

#include "net/channel.h"
#include "net/messages/basic.h"

namespace vortex::net {

namespace {

Result<Reply<Echo>> echo(Context& context, EchoRequest& request) {
  EchoResponse response;
  response.data = std::move(request.data);
  return Reply<Echo>(std::move(response), std::move(context.payload));
}

Result<Reply<EchoBulk>> echo_bulk(Context& context, EchoBulkRequest& request) {
  EchoBulkResponse response;
  response.received_bytes = static_cast<std::uint32_t>(context.payload.size());
  if (request.answer_bytes > context.payload.size())
    return Error(Code::invalid_argument, "more bytes are wanted back than were sent");
  return Reply<EchoBulk>(std::move(response), context.payload.slice(0, request.answer_bytes));
}

DescribeResponse describe(const Dispatcher& dispatcher, Role role) {
  DescribeResponse response;
  response.version = kVersion;
  response.version_oldest = kVersionOldest;
  for (const MethodInfo& method : all_methods()) {
    if (!dispatcher.find(method.number) || !may_call(role, method.caller)) continue;
    MethodDescription& description = response.methods.emplace_back();
    description.number = method.number;
    description.name = method.name;
  }
  return response;
}

}  // namespace

void serve_basics(Dispatcher& dispatcher) {
  dispatcher.on<Echo>(echo);
  dispatcher.on<EchoBulk>(echo_bulk);
  dispatcher.on<Describe>([&dispatcher](Context& context, DescribeRequest&) -> Result<DescribeResponse> {
    return describe(dispatcher, context.peer->role);
  });
}

}  // namespace vortex::net
