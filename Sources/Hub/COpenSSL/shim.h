/* libcrypto and libssl for Swift. Function-like macros are not imported, so the few that are needed
   get a function here. */
#pragma once

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <sys/prctl.h>

/* Zeroed bytes in the locked heap once it is set up; NULL when it is full. */
static inline void *hub_secure_zalloc(size_t count) { return OPENSSL_secure_zalloc(count); }

/* Zeroed bytes of the ordinary heap. */
static inline void *hub_zalloc(size_t count) { return OPENSSL_zalloc(count); }

/* Overwrites and frees what either of the two returned. */
static inline void hub_clear_free(void *bytes, size_t count) {
    OPENSSL_secure_clear_free(bytes, count);
}

/* The tag of a decryption; libcrypto takes it as a mutable pointer and only reads it. */
static inline int hub_gcm_set_tag(EVP_CIPHER_CTX *context, const void *tag) {
    return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, (void *)tag);
}
static inline int hub_gcm_get_tag(EVP_CIPHER_CTX *context, void *tag) {
    return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag);
}

/* HMAC-SHA256 as parameters of a MAC context. */
static inline int hub_hmac_use_sha256(EVP_MAC_CTX *context) {
    OSSL_PARAM parameters[2] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(context, parameters);
}

/* prctl has a variable number of arguments, which Swift does not import. */
static inline int hub_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
