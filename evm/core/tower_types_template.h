/* evm/core/tower_types_template.h - the element types of evm/core/tower_template.h (which says what
 * the includer defines). */

struct TF(fp) {
    uint64_t w[TF_LIMBS];
};
struct TF(fp2) { /* c0 + c1 u */
    struct TF(fp) c0, c1;
};
struct TF(fp6) { /* c0 + c1 v + c2 v^2 */
    struct TF(fp2) c0, c1, c2;
};
struct TF(fp12) { /* c0 + c1 w */
    struct TF(fp6) c0, c1;
};
