#include "chunker/aead.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>

#include "base/check.h"
#include "base/limits.h"

namespace vortex::chunker {
namespace {

// Fetched once: looking the algorithm up costs more than sealing a small message.
const EVP_CIPHER* algorithm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  CHECK(cipher != nullptr);
  return cipher;
}

// One context a thread; the key is wiped from it after each use.
class Context {
 public:
  Context() : context_(thread_context()) {}
  ~Context() { EVP_CIPHER_CTX_reset(context_); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  operator EVP_CIPHER_CTX*() { return context_; }  // NOLINT(google-explicit-constructor)

 private:
  static EVP_CIPHER_CTX* thread_context() {
    thread_local std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                         &EVP_CIPHER_CTX_free);
    CHECK(context != nullptr);
    return context.get();
  }
  EVP_CIPHER_CTX* context_;
};

int int_size(ByteView bytes) {
  CHECK(bytes.size() <= kChunkStoredMax);
  return static_cast<int>(bytes.size());
}

}  // namespace

void aead_seal(const SecretKey& key, const Nonce& nonce, ByteView bound, ByteView plain, MutableBytes out,
               MutableBytes tag) {
  CHECK(out.size() == plain.size() && tag.size() == kTagSize);
  Context context;
  int size = 0;
  CHECK(EVP_EncryptInit_ex2(context, algorithm(), key.bytes().data(), nonce.data(), nullptr) == 1);
  CHECK(EVP_EncryptUpdate(context, nullptr, &size, bound.data(), int_size(bound)) == 1);
  CHECK(EVP_EncryptUpdate(context, out.data(), &size, plain.data(), int_size(plain)) == 1);
  CHECK(EVP_EncryptFinal_ex(context, out.data() + size, &size) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kTagSize), tag.data()) == 1);
}

bool aead_open(const SecretKey& key, const Nonce& nonce, ByteView bound, ByteView sealed, ByteView tag,
               MutableBytes out) {
  CHECK(out.size() == sealed.size() && tag.size() == kTagSize);
  Context context;
  int size = 0;
  CHECK(EVP_DecryptInit_ex2(context, algorithm(), key.bytes().data(), nonce.data(), nullptr) == 1);
  CHECK(EVP_DecryptUpdate(context, nullptr, &size, bound.data(), int_size(bound)) == 1);
  CHECK(EVP_DecryptUpdate(context, out.data(), &size, sealed.data(), int_size(sealed)) == 1);
  auto* expected = const_cast<std::uint8_t*>(tag.data());
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kTagSize), expected) == 1);
  if (EVP_DecryptFinal_ex(context, out.data() + size, &size) == 1) return true;
  OPENSSL_cleanse(out.data(), out.size());
  return false;
}

}  // namespace vortex::chunker
