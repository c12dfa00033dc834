#include "node/chunk_service.h"

#include <utility>

#include "net/channel.h"
#include "net/messages/chunk.h"

namespace vortex::node {

namespace {

net::CopyName name_of(const CopyNumber& number) {
  net::CopyName name;
  name.epoch = number.epoch;
  name.sequence = number.sequence;
  return name;
}

Task<Result<net::PutChunkResponse>> put(ChunkStore& store, net::Context context, net::PutChunkRequest request) {
  if (context.payload.empty()) co_return Error(Code::invalid_argument, "a chunk has at least one byte");
  CO_ASSIGN_OR_RETURN(PutResult result, co_await store.put(request.id, std::move(context.payload), request.form));
  net::PutChunkResponse response;
  response.copy = name_of(result.number);
  response.existed = result.existed;
  co_return response;
}

Task<Result<net::TouchChunkResponse>> touch(ChunkStore& store, net::TouchChunkRequest request) {
  CO_ASSIGN_OR_RETURN(PutResult result, co_await store.touch(request.id));
  net::TouchChunkResponse response;
  response.copy = name_of(result.number);
  co_return response;
}

Task<Result<net::SyncChunksResponse>> sync(ChunkStore& store, net::SyncChunksRequest request) {
  CO_RETURN_IF_ERROR(co_await store.sync(request.epoch, std::move(request.sequences)));
  co_return net::SyncChunksResponse();
}

Task<Result<net::Reply<net::GetChunk>>> get(ChunkStore& store, net::GetChunkRequest request) {
  CO_ASSIGN_OR_RETURN(Chunk chunk, co_await store.get(request.id, request.offset, request.length));
  net::GetChunkResponse response;
  response.length = chunk.length;
  response.form = chunk.form;
  net::Reply<net::GetChunk> reply(response, std::move(chunk.bytes));
  co_return reply;
}

}  // namespace

void serve_chunks(net::Dispatcher& dispatcher, ChunkStore& store) {
  dispatcher.on<net::PutChunk>([&store](net::Context context, net::PutChunkRequest request) {
    return put(store, std::move(context), std::move(request));
  });
  dispatcher.on<net::TouchChunk>(
      [&store](net::Context, net::TouchChunkRequest request) { return touch(store, std::move(request)); });
  dispatcher.on<net::SyncChunks>(
      [&store](net::Context, net::SyncChunksRequest request) { return sync(store, std::move(request)); });
  dispatcher.on<net::GetChunk>(
      [&store](net::Context, net::GetChunkRequest request) { return get(store, std::move(request)); });
}

}  // namespace vortex::node
