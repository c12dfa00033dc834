#include "node/chunk_service.h"

#include <algorithm>
#include <utility>

#include "net/channel.h"
#include "net/messages/chunk.h"
#include "node/access/rights.h"
#include "node/files/chunk_record.h"

namespace vortex::node {

namespace {

// Clients reach chunks by their ids, which only those know who may read or have the bytes; a key that may read nothing
// or write nothing anywhere opens not even that.
Status check_right(const net::Context& context, Permission permission) {
  if (context.peer->role == net::Role::member) return Status();
  const auto* rights = dynamic_cast<const Rights*>(context.peer->rights.get());
  auto permits = [permission](const AccessRule& rule) {
    return (rule.permissions & static_cast<std::uint8_t>(permission)) != 0;
  };
  if (!rights || std::ranges::none_of(rights->rules(), permits)) return Code::permission_denied;
  return Status();
}

// Members copy chunks in the background, and make way for those who do not.
void note(ChunkService& service, const net::Context& context) {
  if (context.peer->role != net::Role::member) service.note_client();
}

Task<Result<net::PutChunkResponse>> put(ChunkService& service, net::Context context, net::PutChunkRequest request) {
  note(service, context);
  CO_RETURN_IF_ERROR(check_right(context, Permission::write));
  if (context.payload.empty()) co_return Error(Code::invalid_argument, "a chunk has at least one byte");
  net::PutChunkResponse response;
  CO_ASSIGN_OR_RETURN(Receipt receipt,
                      co_await service.put(request.id, std::move(context.payload), request.form, response.existed));
  response.receipt = encode(receipt);
  co_return response;
}

Task<Result<net::TouchChunkResponse>> touch(ChunkService& service, net::Context context,
                                            net::TouchChunkRequest request) {
  note(service, context);
  CO_RETURN_IF_ERROR(check_right(context, Permission::write));
  CO_ASSIGN_OR_RETURN(Receipt receipt, co_await service.touch(request.id));
  net::TouchChunkResponse response;
  response.receipt = encode(receipt);
  co_return response;
}

Task<Result<net::SyncChunksResponse>> sync(ChunkService& service, net::Context context,
                                           net::SyncChunksRequest request) {
  CO_RETURN_IF_ERROR(check_right(context, Permission::write));
  std::vector<Receipt> staged;
  for (const ByteVector& bytes : request.receipts) {
    CO_ASSIGN_OR_RETURN(Receipt receipt, decode<Receipt>(bytes));
    staged.push_back(std::move(receipt));
  }
  CO_ASSIGN_OR_RETURN(std::vector<Receipt> durable, co_await service.sync(std::move(staged)));
  net::SyncChunksResponse response;
  for (const Receipt& receipt : durable) response.receipts.push_back(encode(receipt));
  co_return response;
}

Task<Result<net::Reply<net::GetChunk>>> get(ChunkService& service, ChunkStore& store, net::Context context,
                                            net::GetChunkRequest request) {
  note(service, context);
  CO_RETURN_IF_ERROR(check_right(context, Permission::read));
  CO_ASSIGN_OR_RETURN(Chunk chunk, co_await store.get(request.id, request.offset, request.length));
  service.step(kill_points::kChunkRead);
  net::GetChunkResponse response;
  response.length = chunk.length;
  response.form = chunk.form;
  net::Reply<net::GetChunk> reply(response, std::move(chunk.bytes));
  co_return reply;
}

Task<Result<net::EraseChunkResponse>> erase(ChunkStore& store, net::EraseChunkRequest request) {
  if (request.epoch > CopyNumber::kEpochMax || request.sequence > CopyNumber::kSequenceMax)
    co_return Error(Code::invalid_argument, "there is no such copy number");
  CopyNumber up_to(request.epoch, request.sequence);
  auto erased = co_await store.erase(request.id, up_to);
  if (!erased.ok()) co_return erased.error();
  co_return net::EraseChunkResponse();
}

}  // namespace

Receipt ChunkService::receipt(const ChunkId& chunk, const PutResult& result) const {
  Receipt receipt;
  receipt.node = self_;
  receipt.chunk = chunk;
  receipt.copy = result.number;
  receipt.length = result.length;
  receipt.form = result.form;
  receipt.checked = result.existed;
  sealer_.seal(receipt);
  return receipt;
}

Task<Result<Receipt>> ChunkService::put(ChunkId chunk, Buffer stored, std::uint16_t form, bool& existed) {
  // What a reader is told about a copy's form is what its bytes say.
  CO_ASSIGN_OR_RETURN(chunker::ChunkHeader header, chunker::decode_header(stored));
  bool fits = header.stored_size() == stored.size() && form_of(header) == form;
  if (!fits) co_return Error(Code::invalid_argument, "a chunk of another form than it is said to have");
  CO_ASSIGN_OR_RETURN(PutResult result, co_await store_.put(chunk, std::move(stored), form));
  existed = result.existed;
  kill_point(env_, kill_points::kChunkStaged);
  co_return receipt(chunk, result);
}

Task<Result<Receipt>> ChunkService::touch(ChunkId chunk) {
  CO_ASSIGN_OR_RETURN(PutResult result, co_await store_.touch(chunk));
  kill_point(env_, kill_points::kChunkTouched);
  co_return receipt(chunk, result);
}

Task<Result<std::vector<Receipt>>> ChunkService::sync(std::vector<Receipt> staged) {
  std::vector<std::uint64_t> sequences;
  if (staged.empty()) co_return std::vector<Receipt>();
  for (const Receipt& receipt : staged) {
    if (receipt.node != self_ || !sealer_.sealed(receipt))
      co_return Error(Code::invalid_argument, "a receipt that this node has not given");
    if (receipt.copy.epoch != staged.front().copy.epoch)
      co_return Error(Code::invalid_argument, "receipts of different starts");
    sequences.push_back(receipt.copy.sequence);
  }
  kill_point(env_, kill_points::kSyncing);
  CO_RETURN_IF_ERROR(co_await store_.sync(staged.front().copy.epoch, std::move(sequences)));
  kill_point(env_, kill_points::kSynced);
  // A copy may have been erased since it was put: as one that nobody's record named for long, or as a damaged one.
  // Where there is a newer one the bytes may have gone and others come: those must be the right ones, and durable, too.
  bool others = false;
  for (const Receipt& receipt : staged) {
    auto there = co_await store_.stat(receipt.chunk);
    if (!there.ok() && !there.is(Code::not_found)) co_return there.error();
    if (!there.ok() || there->number < receipt.copy) co_return Error(Code::stale, "a copy is gone again: put it again");
    if (there->number == receipt.copy) continue;
    others = true;
    if (store_.known_right(receipt.chunk)) continue;
    auto touched = co_await store_.touch(receipt.chunk);
    if (touched.is(Code::not_found)) co_return Error(Code::stale, "a false copy took the place of one: put it again");
    if (!touched.ok()) co_return touched.error();
  }
  if (others) CO_RETURN_IF_ERROR(co_await store_.sync());
  for (Receipt& receipt : staged) {
    receipt.durable = true;
    sealer_.seal(receipt);
    if (on_durable) on_durable(receipt.chunk);
  }
  co_return staged;
}

void ChunkService::serve(net::Dispatcher& dispatcher) {
  dispatcher.on<net::PutChunk>([this](net::Context context, net::PutChunkRequest request) {
    return vortex::node::put(*this, std::move(context), std::move(request));
  });
  dispatcher.on<net::TouchChunk>([this](net::Context context, net::TouchChunkRequest request) {
    return vortex::node::touch(*this, std::move(context), std::move(request));
  });
  dispatcher.on<net::SyncChunks>([this](net::Context context, net::SyncChunksRequest request) {
    return vortex::node::sync(*this, std::move(context), std::move(request));
  });
  dispatcher.on<net::GetChunk>([this](net::Context context, net::GetChunkRequest request) {
    return vortex::node::get(*this, store_, std::move(context), std::move(request));
  });
  dispatcher.on<net::EraseChunk>(
      [this](net::Context, net::EraseChunkRequest request) { return erase(store_, std::move(request)); });
}

}  // namespace vortex::node
